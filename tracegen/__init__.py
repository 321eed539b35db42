"""tracegen: training rows that teach a model to look things up."""

__version__ = "0.1.0"
