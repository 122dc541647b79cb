"""What `tandem doctor` says: each file looks at one thing, and gives findings."""
