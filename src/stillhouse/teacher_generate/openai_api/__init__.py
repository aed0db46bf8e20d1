"""Talking to OpenAI-compatible servers: bodies and responses, retries, rate limits."""
