"""The index that is loaded into: opened, relaxed, described, and its alias."""
