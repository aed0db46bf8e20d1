"""Teachers: one protocol, its backends, the completion store, and the stage that joins them."""
