"""Judgements and runs in, figures and comparisons out."""
