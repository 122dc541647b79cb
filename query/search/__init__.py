"""Searchers: a question, its vector, the request and the hits."""
