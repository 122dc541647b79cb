"""Sources into rows, rows into documents; what is none goes to the rejects file."""
