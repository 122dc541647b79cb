"""What this process is, may use, and starts."""
