"""Mined negatives in, a trained model with its card out."""
