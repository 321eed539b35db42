"""Open rows -> files of requests -> a batch service -> events: the research of a run in waves, at half the price."""
