"""Commands that measure how well searches rank."""
