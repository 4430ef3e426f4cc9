"""Errors in source text, with the place in it."""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from wasmwright.errors import MalformedError

_CONTEXT = 36  # characters of a long line that are shown on either side of the caret


@mypyc_attr(native_class=False)
class TextError(MalformedError):
    """The source is not a module in the text format.

    ``line`` and ``column`` count from 1, columns in characters; ``source_line`` is that line.
    ``str()`` is one line, followed by an excerpt of the source with a caret below the place.
    """

    def __init__(self, message: str, line: int, column: int, source_line: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.source_line = source_line
        self.args = (message, line, column, source_line)

    def __str__(self) -> str:
        first = max(self.column - 1 - _CONTEXT, 0)
        last = self.column - 1 + _CONTEXT
        excerpt = self.source_line[first:last].replace("\t", " ")
        left = "…" if first else ""
        right = "…" if last < len(self.source_line) else ""
        caret = " " * (len(left) + self.column - 1 - first) + "^"
        place = f"{self.message} (line {self.line}, column {self.column})"
        return f"{place}\n  {left}{excerpt}{right}\n  {caret}"

    def __reduce__(self) -> tuple[type[TextError], tuple[str, int, int, str]]:  # type: ignore[override]
        return type(self), (self.message, self.line, self.column, self.source_line)


def error_at(data: bytes, offset: int, message: str) -> TextError:
    """The error ``message`` at the byte ``offset`` of the source ``data``."""
    offset = min(offset, len(data))
    before = data[:offset].replace(b"\r\n", b" \n").replace(b"\r", b"\n")
    line = before.count(b"\n") + 1
    start = before.rfind(b"\n") + 1
    ends = [end for end in (data.find(b"\n", offset), data.find(b"\r", offset)) if end >= 0]
    source_line = data[start : min(ends, default=len(data))].decode("utf-8", "replace")
    column = len(data[start:offset].decode("utf-8", "replace")) + 1
    return TextError(message, line, column, source_line)
