"""One file for each command; `tandem.cli` imports a file only when its command runs."""
