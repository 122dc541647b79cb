"""Which engine and precision is fastest here: measured, built and remembered."""
