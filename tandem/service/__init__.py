"""Search, embeddings and documents over HTTP: what `tandem serve` runs."""
