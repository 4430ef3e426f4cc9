"""The binary format: bytes to a module and back (spec: Binary Format)."""
