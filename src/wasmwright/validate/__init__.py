"""Validation: whether a decoded module keeps the rules of WebAssembly (spec: Validation)."""

from wasmwright.validate.module import validate

__all__ = ["validate"]
