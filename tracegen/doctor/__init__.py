"""`tracegen doctor`: why a model trained on a dataset would be junk, and what to do, before anything is spent."""
