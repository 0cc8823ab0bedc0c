"""Finding, decoding, encoding and writing source files."""
