"""What View Source shows of a module, as plain data for JSON.

A module is *loaded* from a file or from text that was sent, and is then known by its digest: its
outline comes at once, its bodies and long items one by one when they are unfolded.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from typing import Any, Final

from wasmwright.binary.cursor import read_opcode, skip_immediates
from wasmwright.binary.decode import decode
from wasmwright.binary.preamble import is_text
from wasmwright.binary.reader import Reader
from wasmwright.errors import CompileError
from wasmwright.features import DEFAULT
from wasmwright.runtime import dwarf
from wasmwright.text import TextError, parse
from wasmwright.text.listing import Listing
from wasmwright.tools.dump import dump
from wasmwright.validate.module import validate
from wasmwright.web.server.places import place_of

_KEPT: Final = 8  # modules that are known at a time
_KEPT_BYTES: Final = 100_000_000  # … and how large they are together, but for the last
_ITEM: Final = 1500  # characters of an item that the outline has
_WHOLE_ITEM: Final = 400_000  # characters of an item that are given at all
_MOST_PLACES: Final = 5000  # instructions of a function whose places in the source are looked up
_MOST_ITEMS: Final = 20_000  # items of a section that are listed
# What the printer begins lines with: an offset, or as many blanks.
_OFFSET: Final = r"(?:\(;@[0-9a-f]+ *;\)| {11})"
_ITEM_START: Final = re.compile(rf"^(?={_OFFSET}  [(;])", re.MULTILINE)
_MARGIN: Final = re.compile(rf"{_OFFSET}  ")


def problem(error: CompileError, text: bytes | None = None, module: Any = None) -> dict[str, Any]:
    """An error as data, with its place in the text where that can be said."""
    found: dict[str, Any] = {"message": error.message, "kind": type(error).__name__}
    if isinstance(error, TextError):
        return {**found, "kind": "MalformedError", "line": error.line, "column": error.column}
    found.update(offset=error.offset, func=error.func)
    if text is not None and module is not None:
        place = place_of(text, module, error)
        if place is not None:
            found.update(line=place.line, column=place.column)
    return found


class Loaded:
    """A module that is looked at: ``binary``, and the text that it came from or None."""

    def __init__(self, data: bytes, title: str) -> None:
        """Raises CompileError where ``data``, binary or text, is not a module."""
        self.title = title
        self.text = data if is_text(data) else None
        self.binary = data if self.text is None else parse(data)
        self.id = hashlib.sha256(b"text" * (self.text is not None) + data).hexdigest()[:32]
        self.module = decode(self.binary)
        # One printer writes one part at a time.
        self._lock = threading.Lock()
        self._listings = {fold: Listing(self.module, fold=fold) for fold in (False, True)}
        self._items: dict[int, list[str]] | None = None
        self._source: dwarf.Source | None = None
        self._source_lock = threading.Lock()

    def problem(self) -> dict[str, Any] | None:
        """What makes the module invalid; None if nothing does."""
        try:
            validate(self.module, DEFAULT)
        except CompileError as error:
            return problem(error, self.text, self.module)
        return None

    def function(self, defined: int, fold: bool) -> str:
        """A function, whole. IndexError where there is none of this number."""
        if not 0 <= defined < len(self.module.codes):
            raise IndexError(defined)
        with self._lock:
            return self._listings[fold].function(defined)

    def places(self, defined: int) -> list[tuple[int, str, int, str | None]]:
        """Where in the source a function's instructions are from, as far as the module says: the
        offset at which a place begins, its file, line and function. IndexError as `function`.
        """
        if not 0 <= defined < len(self.module.codes):
            raise IndexError(defined)
        with self._source_lock:
            if self._source is None:
                self._source = dwarf.source(self.module)
            source = self._source
            if source is None:
                return []
            found: list[tuple[int, str, int, str | None]] = []
            for offset in self._instructions(defined):
                places = source.find(offset)
                if not places:
                    continue
                place = (places[0].file, places[0].line, places[0].function)
                if not found or found[-1][1:] != place:
                    found.append((offset, *place))
            return found

    def _instructions(self, defined: int) -> list[int]:
        """The offsets of a function's instructions, as far as they can be read."""
        code = self.module.codes[defined]
        reader = Reader(self.module.data, code.start, code.end)
        found: list[int] = []
        try:
            while reader.pos < code.end and len(found) < _MOST_PLACES:
                found.append(reader.pos)
                skip_immediates(reader, read_opcode(reader))
        except CompileError:
            pass
        return found

    def item(self, section: int, number: int) -> str:
        """An item of a section, as much of it as is given at all. IndexError if there is none."""
        items = self.items().get(section, [])
        if not 0 <= number < len(items):
            raise IndexError(number)
        return _cut(items[number], _WHOLE_ITEM)

    def items(self) -> dict[int, list[str]]:
        """The items of each section but the code, as text."""
        with self._lock:
            if self._items is None:
                self._items = {
                    section: [each.rstrip("\n") for each in _ITEM_START.split(text) if each]
                    for section, text in self._listings[False].items().items()
                }
            return self._items

    def outline(self) -> dict[str, Any]:
        """Everything but the bodies."""
        module = self.module
        report = dump(module)
        exports: dict[int, list[str]] = {}
        for entry in report["exports"]:
            if entry["kind"] == "func":
                exports.setdefault(entry["index"], []).append(entry["name"])
        imported = module.imported_funcs
        with self._lock:
            heads = [self._listings[False].head(n) for n in range(len(module.codes))]
        functions = [
            [
                imported + n,
                _MARGIN.sub("", head, 1),
                code.body_start,
                code.end,
                exports.get(imported + n, []),
            ]
            for n, (head, code) in enumerate(zip(heads, module.codes, strict=True))
        ]
        return {
            "id": self.id,
            "title": self.title,
            "text": self.text is not None,
            "name": report["name"],
            "size": report["size"],
            "places": self.module.custom(".debug_line") is not None,
            "sections": report["sections"],
            "imports": report["imports"],
            "exports": report["exports"],
            "items": {
                section: {
                    "count": len(items),
                    "shown": [
                        {"text": _cut(text, _ITEM), "long": len(text) > _ITEM}
                        for text in items[:_MOST_ITEMS]
                    ],
                }
                for section, items in self.items().items()
            },
            "functions": functions,
            "notes": {
                key: report[key] for key in ("producers", "target_features") if key in report
            },
        }


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} …"


class Store:
    """The modules that are looked at, the last few of them, by id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Loaded] = OrderedDict()

    def load(self, data: bytes, title: str) -> Loaded:
        """The module in ``data``. Raises CompileError."""
        loaded = Loaded(data, title)
        with self._lock:
            known = self._known.pop(loaded.id, loaded)
            known.title = title
            self._known[loaded.id] = known
            while len(self._known) > _KEPT or (len(self._known) > 1 and self._size() > _KEPT_BYTES):
                self._known.popitem(last=False)
        return known

    def _size(self) -> int:
        return sum(len(each.binary) for each in self._known.values())

    def get(self, id: str) -> Loaded | None:
        """A module that was loaded, if it is still known."""
        with self._lock:
            if id in self._known:
                self._known.move_to_end(id)
            return self._known.get(id)
