"""Aliases of indexes: where they point, and which indexes were filled for them."""
