"""Custom sections that tools agree on, other than the name section.

Reads payloads, as ``Module.custom(name)`` gives them; the formats are the tool-conventions'
(https://github.com/WebAssembly/tool-conventions). Nothing here is read when a module is
decoded: a broken payload raises MalformedError to whoever asks, with the offset in the payload.
"""

from __future__ import annotations

from typing import Final

from wasmwright.binary.reader import Reader
from wasmwright.errors import MalformedError

PRODUCERS_SECTION: Final = "producers"
TARGET_FEATURES_SECTION: Final = "target_features"
SOURCE_MAP_SECTION: Final = "sourceMappingURL"

FEATURE_PREFIXES: Final = {"+": "used", "-": "disallowed", "=": "required"}


def producers(payload: bytes) -> dict[str, list[tuple[str, str]]]:
    """The tools that made a module: ``(name, version)`` by field (language, processed-by, sdk)."""
    reader = Reader(payload)
    fields: dict[str, list[tuple[str, str]]] = {}
    for _ in range(reader.length()):
        field = fields.setdefault(reader.name(), [])
        for _ in range(reader.length()):
            name = reader.name()
            field.append((name, reader.name()))
    _check_end(reader)
    return fields


def target_features(payload: bytes) -> list[tuple[str, str]]:
    """The features that a module was compiled for: ``(prefix, name)``; see FEATURE_PREFIXES."""
    reader = Reader(payload)
    entries: list[tuple[str, str]] = []
    for _ in range(reader.length()):
        prefix = chr(reader.byte())
        if prefix not in FEATURE_PREFIXES:
            raise MalformedError(f"malformed feature prefix: {prefix!r}", reader.pos - 1)
        entries.append((prefix, reader.name()))
    _check_end(reader)
    return entries


def source_map(payload: bytes) -> str:
    """The URL of a module's source map."""
    reader = Reader(payload)
    url = reader.name()
    _check_end(reader)
    return url


def _check_end(reader: Reader) -> None:
    if reader.pos != reader.end:
        raise MalformedError("section size mismatch", reader.pos)
