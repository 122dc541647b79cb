"""The batches of a run on Ray Data: readers, and workers with an encoder each."""
