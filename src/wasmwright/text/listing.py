"""A module's text in parts: what a viewer shows at once, and the bodies that it asks for later.

Reads a :class:`~wasmwright.model.module.Module`, whose function bodies need not be valid; the
parts are the pieces of what :func:`~wasmwright.text.printer.print_module` gives with offsets.
"""

from __future__ import annotations

from wasmwright.binary.sections import CUSTOM_SECTION, SECTION_ORDER
from wasmwright.model.module import Module
from wasmwright.text.printer import Printer


class _Pieces:
    """A sink that keeps what it takes until it is taken away."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def write(self, text: str, /) -> None:
        self.pieces.append(text)

    def take(self) -> str:
        text = "".join(self.pieces)
        self.pieces.clear()
        return text


class Listing:
    """The parts of one module's text. Lines begin with ``(;@ab    ;)`` or as many blanks."""

    def __init__(self, module: Module, *, fold: bool = False) -> None:
        self._sink = _Pieces()
        self._printer = Printer(module, self._sink, fold, True, True)

    def items(self) -> dict[int, str]:
        """By section id, in the order of the binary format: its items, custom sections behind it
        included. Under 0 is what stands before all sections, warnings about names too.
        """
        found: dict[int, str] = {}
        for section in (CUSTOM_SECTION, *SECTION_ORDER):
            self._printer.items(section)
            text = self._text()
            if text:
                found[section] = text
        return found

    def head(self, defined: int) -> str:
        """The first line of the function whose body is the one of this number."""
        self._printer.head(defined)
        return self._text()

    def function(self, defined: int) -> str:
        """The function whose body is the one of this number, over several lines."""
        self._printer.function(defined)
        return self._text()

    def _text(self) -> str:
        self._printer.flush()
        return self._sink.take().removeprefix("\n")
