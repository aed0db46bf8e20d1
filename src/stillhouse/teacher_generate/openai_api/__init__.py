"""Talking to OpenAI-compatible servers: bodies and replies, retries, rate limits."""
