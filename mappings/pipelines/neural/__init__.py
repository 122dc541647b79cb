"""The cluster's own pipelines: plain documents and plain queries get a service's vectors."""
