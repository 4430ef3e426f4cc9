"""Where in a module's source text an instruction is that the validator does not like.

The assembler keeps no positions: code is the bytes it gives. An instruction is found again by
counting: the n-th one of a body is the n-th that the text writes out, folded ones behind their
operands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wasmwright.binary.cursor import read_opcode, skip_immediates
from wasmwright.binary.reader import Reader
from wasmwright.errors import CompileError
from wasmwright.isa import slot
from wasmwright.model.module import Module
from wasmwright.text.errors import error_at
from wasmwright.text.immediates import BLOCK, FORMS
from wasmwright.text.lexer import Tokens, tokenize
from wasmwright.text.stream import Stream
from wasmwright.text.tokens import DO, FUNC, IMPORT, INSTRUCTION, LPAR, MODULE, RPAR, THEN

_IF: Final = slot("if")
_TRY: Final = slot("try")
_CATCHES: Final = (slot("catch"), slot("catch_all"))
_ARMS: Final = (slot("else"), *_CATCHES)
_DELEGATE: Final = slot("delegate")

# Frames of what is open: a folded instruction, a folded block, one arm of it.
_PLAIN: Final = 0
_BLOCK: Final = 1
_ARM: Final = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text: both count from 1, columns in characters."""

    line: int
    column: int


def place_of(text: bytes, module: Module, error: CompileError) -> Place | None:
    """The place in ``text``, which gave ``module``, of an error in a function's body.

    None where the error is elsewhere, or the text says the module in another way (``binary``).
    """
    if error.func is None:
        return None
    defined = error.func - module.imported_funcs
    try:
        tokens = tokenize(text, 0, len(text))
    except CompileError:
        return None
    stream = Stream(tokens)
    start = _function(stream, defined)
    if start is None:
        return None
    token = start + 1
    number = _number(module, defined, error.offset)
    if number is not None:
        written = _written(stream, start)
        if number < len(written):
            token = written[number]
    return _place(text, tokens, token)


def _place(text: bytes, tokens: Tokens, token: int) -> Place:
    found = error_at(text, int(tokens.starts[token]), "")
    return Place(found.line, found.column)


def _number(module: Module, defined: int, offset: int | None) -> int | None:
    """Which instruction of a body is at an offset."""
    if offset is None or not 0 <= defined < len(module.codes):
        return None
    code = module.codes[defined]
    if not code.start <= offset < code.end:
        return None
    reader = Reader(module.data, code.start, code.end)
    number = 0
    try:
        while reader.pos < code.end:
            opcode = read_opcode(reader)
            skip_immediates(reader, opcode)
            if offset < reader.pos:
                return number
            number += 1
    except CompileError:
        pass
    return number


def _function(stream: Stream, defined: int) -> int | None:
    """The token that the n-th function with a body begins at."""
    kinds = stream.kinds
    token = 0
    if kinds[0] == LPAR and kinds[1] == MODULE:
        token = 2
        while kinds[token] != LPAR and kinds[token] != RPAR:
            token += 1
    while kinds[token] == LPAR:
        end = stream.list_end(token)
        if kinds[token + 1] == FUNC and not _imported(stream, token):
            if defined == 0:
                return token
            defined -= 1
        token = end
    return None


def _imported(stream: Stream, token: int) -> bool:
    """Whether a function is an inline import."""
    end = stream.list_end(token)
    token += 2
    while token < end:
        if stream.kinds[token] == LPAR:
            if stream.kinds[token + 1] == IMPORT:
                return True
            if stream.kinds[token + 1] >= INSTRUCTION:
                return False
            token = stream.list_end(token)
        else:
            token += 1
    return False


def _written(stream: Stream, start: int) -> list[int]:
    """The tokens of a function's instructions in the order of the bytes that they become."""
    kinds = stream.kinds
    end = stream.list_end(start) - 1
    found: list[int] = []
    frames: list[tuple[int, int]] = []  # kind, token of the keyword
    token = start + 2
    while token < end:
        kind = kinds[token]
        if kind == LPAR:
            word = int(kinds[token + 1])
            instruction = word - INSTRUCTION
            if word == THEN and frames:
                found.append(frames[-1][1])
                frames.append((_ARM, token + 1))
            elif word == DO:
                frames.append((_ARM, token + 1))
            elif instruction < 0 or (instruction in _CATCHES and not _in_try(stream, frames)):
                token = stream.list_end(token)
                continue
            elif instruction in _ARMS:
                found.append(token + 1)
                frames.append((_ARM, token + 1))
            elif instruction == _DELEGATE or FORMS[instruction] != BLOCK:
                frames.append((_PLAIN, token + 1))
            else:
                if instruction != _IF:
                    found.append(token + 1)
                frames.append((_BLOCK, token + 1))
            token += 2
        elif kind == RPAR:
            if not frames:
                break
            form, keyword = frames.pop()
            if form == _PLAIN:
                found.append(keyword)
            elif form == _BLOCK:
                found.append(token)
            token += 1
        else:
            if kind >= INSTRUCTION:
                found.append(token)
            token += 1
    found.append(end)
    return found


def _in_try(stream: Stream, frames: list[tuple[int, int]]) -> bool:
    """Whether the innermost construct is a folded ``try``, whose arms are instructions."""
    return bool(frames) and stream.kinds[frames[-1][1]] == INSTRUCTION + _TRY
