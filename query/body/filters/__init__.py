"""Filters: written in query DSL, and as everyday conditions."""
