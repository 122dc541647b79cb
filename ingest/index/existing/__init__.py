"""Indexes that others made: whose vectors they hold, and vectors for what lacks them."""
