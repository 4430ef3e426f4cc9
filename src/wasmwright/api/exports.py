"""An instance's exports, by attribute and as a mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from wasmwright.api import html
from wasmwright.model.module import Export
from wasmwright.runtime.globals import Global


class Exports(Mapping[str, Any]):
    """``exports.add`` or ``exports["add"]``: functions, memories, tables and globals by name.

    As an attribute, an export wins over a method of mappings that has the same name: where the
    module is not your own, ``Mapping.get(exports, name)`` is sure to be the mapping's.
    """

    _exports: dict[str, Export]
    _found: dict[str, Any]
    _find: Callable[[Export], Any]

    def __init__(self, exports: tuple[Export, ...], find: Callable[[Export], Any]) -> None:
        own = self.__dict__
        own["_exports"] = {each.name: each for each in exports}
        # What `find` gave: a module may export thousands of functions, of which few are called.
        own["_found"] = {}
        own["_find"] = find
        for name in self._exports.keys() & _METHODS:
            own[name] = self[name]

    def __getitem__(self, name: str) -> Any:
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._find(self._exports[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._exports)

    def __len__(self) -> int:
        return len(self._exports)

    def __contains__(self, name: object) -> bool:
        return name in self._exports

    def __getattr__(self, name: str) -> Any:
        # From now on a plain instance attribute, so that reading it costs what it does anywhere
        # in Python. Names that Python itself relies on stay out.
        if name.startswith("__") or name not in self._exports:
            raise AttributeError(f"the module exports no {name!r}")
        found = self.__dict__[name] = self[name]
        return found

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(
            f"exports cannot be set: the value of a global is exports.{name}.value"
            if isinstance(Mapping.get(self, name), Global)
            else "exports cannot be set"
        )

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *filter(str.isidentifier, self._exports)})

    def __reduce__(self) -> NoReturn:
        raise TypeError("exports can be neither copied nor pickled; pickle the module")

    def _repr_html_(self) -> str:
        rows = [(name, repr(self[name])) for name in self]
        return html.table(f"{len(rows)} exports", ("name", "value"), rows)

    def __repr__(self) -> str:
        return f"<wasmwright.Exports {', '.join(self._exports)}>"


# Methods that an export of the same name wins over as an attribute.
_METHODS = frozenset(name for name in dir(Exports) if not name.startswith("_"))
