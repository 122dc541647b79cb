"""Its tests share one node, as fixtures of a package."""
