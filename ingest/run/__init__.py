"""One load from end to end: its plan, its stages, its end."""
