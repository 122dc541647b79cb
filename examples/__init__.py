"""A small corpus, queries and judgements, as files; `tandem demo` ingests and searches them."""
