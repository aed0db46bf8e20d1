"""Hugging Face models in this process: attention, packed sequences, decoding."""
