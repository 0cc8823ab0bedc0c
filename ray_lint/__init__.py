"""ray-lint: find, fix and measure over-parallelized Ray code."""

__version__ = "0.1.0"
