"""Vectors into bulk requests, each item settled."""
