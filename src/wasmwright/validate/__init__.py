"""Validation: whether a decoded module keeps the rules of WebAssembly (spec: Validation)."""
