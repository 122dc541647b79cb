"""The bytes of a source: found, opened, decompressed, cut into lines."""
