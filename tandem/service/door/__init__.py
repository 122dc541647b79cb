"""What stands before every route: who may come in, within which bounds, and what is noted."""
