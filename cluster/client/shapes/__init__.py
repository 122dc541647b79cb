"""The shapes of a cluster's answers: all that is read of them, by what was asked for.

What no class names is not read, or by who checks it; what a filter_path leaves out is optional.
"""
