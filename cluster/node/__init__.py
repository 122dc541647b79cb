"""A real node on this machine: its Java, its artifacts, its process and its files."""
