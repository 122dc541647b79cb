"""What goes from an index: documents that a source lost, and those that are named."""
