"""The client of opensearch-py, with bounds on every request and a check of every answer.

Its files import opensearch-py, so they are imported where a cluster is reached and not before.
"""
