"""Texts into tokens and batches, overlapped with the engine that runs them."""
