"""The run file, the splice, and what there is to say about traces."""
