"""The cluster's own pipeline: it asks a Tandem service for the vectors of plain documents."""
