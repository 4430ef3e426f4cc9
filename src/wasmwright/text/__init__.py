"""The text format: source text to a binary module, and back."""

from __future__ import annotations

from wasmwright.features import DEFAULT
from wasmwright.text import module
from wasmwright.text.errors import TextError
from wasmwright.text.printer import print_module, write_module

__all__ = ["TextError", "parse", "print_module", "write_module"]


def parse(source: str | bytes, features: int = DEFAULT) -> bytes:
    """The binary of a module in the text format, names included (spec: Text Format).

    ``source`` is text, or its UTF-8. Raises TextError, a MalformedError that knows its line and
    column. ``features`` matters only where a proposal changed which numbers are in range;
    whether a module uses what it may is the validator's business.
    """
    return module.parse(source, features)
