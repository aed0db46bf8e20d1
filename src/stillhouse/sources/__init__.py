"""Where data and weights come from: pinned sources, fetched once into a cache."""
