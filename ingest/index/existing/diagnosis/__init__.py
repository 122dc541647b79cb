"""One index as `tandem doctor --index` judges it: its layout, its state, whether a model fits."""
