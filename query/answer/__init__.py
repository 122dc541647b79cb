"""What the cluster answers: hits, fusion, explanations, reranking."""
