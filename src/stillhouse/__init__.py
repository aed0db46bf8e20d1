"""Stillhouse: a declarative dataset-and-model build system for distilling language models."""

__version__ = "0.1.0"
