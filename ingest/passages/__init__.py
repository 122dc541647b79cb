"""Documents into passages: split, skipped if unchanged, encoded."""
