"""Judged queries in, passages out that a search ranks high and that do not answer them."""
