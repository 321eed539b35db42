"""A file of chat rows, and one of its rows, for human eyes."""
