"""Translated code for people: a statement a line, indented, with the names of functions.

Reads source as the polyfill's translator writes it; only space and comments are added.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{};()]|[^"{};()]+')
_FUNCTION: Final = re.compile(r"(?:function|const) f(\d+)\b")
_ASSIGNMENT: Final = re.compile(r"(?<=[\w$\]])(=)(?![=>])")
# What a brace that begins lines stands behind; another one is a pattern's.
_BEFORE_BLOCK: Final = (")", "=>", "else", "try", ":")


def readable(source: str, names: Mapping[int, str]) -> str:
    """The source on many lines. ``names`` are those of functions, by index: they become comments."""
    writer = _Writer(names)
    for piece in _PIECE.findall(source):
        writer.take(piece)
    writer.end_line()
    return "\n".join(writer.lines)


class _Writer:
    """The lines so far, and where in the brackets the source is."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self.lines: list[str] = []
        self._names = names
        self._line = ""
        self._blocks: list[bool] = []  # of open braces, whether they are blocks
        self._parentheses = [0]  # open ones, in each open block
        self._is_closed = False  # whether the line is a block's closing brace

    def take(self, piece: str) -> None:
        if self._is_closed and not piece.startswith((")", ";", ",", "else", "catch")):
            self.end_line()
        self._is_closed = False
        if piece == "{":
            self._open()
        elif piece == "}":
            self._close()
        else:
            self._line += _spaced(piece)
            self._parentheses[-1] += (piece == "(") - (piece == ")")
            if piece == ";" and self._parentheses[-1] == 0 and all(self._blocks[-1:]):
                self.end_line()

    def _open(self) -> None:
        is_block = self._line == "" or self._line.endswith(_BEFORE_BLOCK)
        self._line += " {" if self._line and is_block else "{"
        if is_block:
            self.end_line()
            self._parentheses.append(0)
        self._blocks.append(is_block)

    def _close(self) -> None:
        if self._blocks.pop():
            self._blocks.append(True)
            self.end_line()
            self._blocks.pop()
            self._parentheses.pop()
            self._is_closed = True
        self._line += "}"

    def end_line(self) -> None:
        """Begins a new line, where the last one has anything."""
        text = self._line.strip()
        self._line = ""
        if not text:
            return
        indent = "  " * sum(self._blocks)
        function = _FUNCTION.match(text)
        if function is not None and int(function[1]) in self._names:
            name = re.sub(r"[\r\n\u2028\u2029]", " ", self._names[int(function[1])])
            self.lines.append(f"{indent}// {name}")
        self.lines.append(indent + text)


def _spaced(piece: str) -> str:
    if piece[0] == '"':
        return piece
    return _ASSIGNMENT.sub(r" \1 ", piece.replace(",", ", "))
