"""A model's folder: found, read into a specification, and told apart by a fingerprint."""
