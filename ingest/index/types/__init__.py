"""The types of metadata: told by documents, put into an index, and what fits them."""
