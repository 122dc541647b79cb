"""Search pipelines: how the legs of a hybrid search are fused on the cluster."""
