"""How a file begins (spec: Binary Format > Modules), and what tells text from it."""

from __future__ import annotations

from typing import Final

MAGIC: Final = b"\0asm"
VERSION: Final = b"\x01\0\0\0"


def is_text(data: bytes) -> bool:
    """Whether bytes look like the text format: they begin with ``(`` or a comment."""
    return not data.startswith(MAGIC) and data[:4096].lstrip().startswith((b"(", b";;"))
