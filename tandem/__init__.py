"""The command line of Tandem. Nothing is imported here: `tandem --help` must stay quick."""
