"""Stillhouse: a declarative dataset-and-model build system for distilling language models."""

import sys

__version__ = "0.1.0"

# Python puts a script's folder before all others. Behind them a project's own module hides none
# that is installed, and what is called like one can be told in a message.
if sys.path and sys.path[0].replace("\\", "/").endswith("/stages"):
    sys.path.append(sys.path.pop(0))
