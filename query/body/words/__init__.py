"""What looks for words: the syntax of a query, and its clause."""
