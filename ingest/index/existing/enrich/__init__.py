"""Vectors for documents that are in a cluster already, in place or in a copy of their index."""
