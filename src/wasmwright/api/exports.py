"""An instance's exports, by attribute and as a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from wasmwright.api import html


class Exports(Mapping[str, Any]):
    """``exports.add`` or ``exports["add"]``: functions, memories, tables and globals by name.

    As an attribute, an export wins over a method of mappings that has the same name: where the
    module is not your own, ``Mapping.get(exports, name)`` is sure to be the mapping's.
    """

    def __init__(self, entries: dict[str, Any]) -> None:
        self._entries = entries
        # Attributes are plain instance attributes, so that reading one costs what it does
        # anywhere in Python. Names that Python itself relies on stay out.
        for name, value in entries.items():
            if not name.startswith("__") and name != "_entries":
                self.__dict__[name] = value

    def __getitem__(self, name: str) -> Any:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the module exports no {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._entries})

    def __reduce__(self) -> NoReturn:
        raise TypeError("exports can be neither copied nor pickled; pickle the module")

    def _repr_html_(self) -> str:
        rows = [(name, repr(value)) for name, value in self._entries.items()]
        return html.table(f"{len(rows)} exports", ("name", "value"), rows)

    def __repr__(self) -> str:
        return f"<wasmwright.Exports {', '.join(self._entries)}>"
