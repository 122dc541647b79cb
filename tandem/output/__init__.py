"""What people see: progress and tables of hits."""
