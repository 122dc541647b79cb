"""What every room stands on: the base of all errors, and how wrong arguments are told."""
