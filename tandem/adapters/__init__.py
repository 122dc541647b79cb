"""Searches as components of frameworks; each needs its framework, which nothing else here does."""
