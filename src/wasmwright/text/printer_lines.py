"""Lines of text: where they begin, how far they are indented, and the offsets before them."""

from __future__ import annotations

from typing import Final, Protocol

from librt.strings import BytesWriter
from mypy_extensions import i64

# Indentation stops here: text would grow with the square of the nesting otherwise.
MAX_INDENT: Final = 50
_STEP: Final = b"  "
_LINES: Final[list[bytes]] = [b"\n" + _STEP * _depth for _depth in range(MAX_INDENT + 1)]
_INDENTS: Final[list[bytes]] = [_STEP * _depth for _depth in range(MAX_INDENT + 1)]

# An offset's column, and what stands there in a line without one.
_NO_OFFSET: Final = b"           "
NOWHERE: Final = -1

_BLOCK: Final = 1 << 18  # bytes collected before they go to a sink


class Sink(Protocol):
    """What takes the text, such as a file open for writing."""

    def write(self, text: str, /) -> object:
        """Take the next piece."""
        ...


class Lines:
    """Text on its way to a sink: ``out`` collects bytes, `line` begins a new line."""

    __slots__ = ("_sink", "offsets", "out")

    def __init__(self, sink: Sink, offsets: bool) -> None:
        self.out = BytesWriter()
        self.offsets = offsets
        self._sink = sink

    def line(self, depth: i64, offset: i64 = NOWHERE) -> None:
        """Begin a line, ``depth`` steps in; ``offset`` is what it is of in the binary."""
        if depth > MAX_INDENT:
            depth = MAX_INDENT
        if not self.offsets:
            self.out.write(_LINES[depth])
            return
        self.out.append(0x0A)
        self.out.write(_NO_OFFSET if offset < 0 else b"(;@%-6x;)" % int(offset))
        self.out.write(_INDENTS[depth])

    def comment(self, depth: i64, text: str) -> None:
        """A line that is a comment."""
        self.line(depth)
        self.out.write(b";; " + text.encode("utf-8"))

    def flush(self, everything: bool = False) -> None:
        """Between two items: hand on what there is, if it is much."""
        if everything or len(self.out) >= _BLOCK:
            self._sink.write(self.out.getvalue().decode("utf-8"))
            self.out.truncate(0)
