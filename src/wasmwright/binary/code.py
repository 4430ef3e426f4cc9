"""The code section: where each body is, and its locals (spec: Binary Format > Modules).

Bodies are not looked into; the validator does that, on the same bytes.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright import limits as limit
from wasmwright.binary.cursor import skip_expr
from wasmwright.binary.reader import Reader, too_many
from wasmwright.errors import InvalidError, MalformedError
from wasmwright.model.parts import Code

_LOCALS_END: Final = 1 << 32  # more than this many is malformed, whatever the limit


def code_section(reader: Reader, imported: i64, codes: list[Code]) -> None:
    """Add the functions' bodies to ``codes``; errors give the index after ``imported`` others."""
    count = reader.count("functions", limit.MAX_FUNCTIONS, "MAX_FUNCTIONS")
    # Functions declare the same locals time and again: one tuple for each declaration.
    known: dict[bytes, tuple[tuple[int, int], ...]] = {}
    for index in range(count):
        try:
            codes.append(code_entry(reader, known))
        except MalformedError as error:
            raise MalformedError(error.message, error.offset, imported + index) from None
        except InvalidError as error:
            raise InvalidError(error.message, error.offset, imported + index) from None


def check_body(data: bytes, code: Code, features: i64, func: int) -> None:
    """Raise MalformedError unless the body of function ``func`` is well-formed.

    Instructions are read past the body's end, as the reference interpreter does, so that the
    message about a body without a final ``end`` is the one that the suite expects.
    """
    reader = Reader(data, code.start, len(data), features)
    try:
        skip_expr(reader)
    except MalformedError as error:
        raise MalformedError(error.message, error.offset, func) from None
    if reader.pos != code.end:
        raise MalformedError(
            f"section size mismatch: the body ends at 0x{code.end:x}, "
            f"its instructions at 0x{reader.pos:x}",
            code.start,
            func,
        )


def code_entry(reader: Reader, known: dict[bytes, tuple[tuple[int, int], ...]]) -> Code:
    """The body that the reader stands at; ``known`` are declarations of locals met before."""
    pos = reader.pos
    size = reader.length()
    if size > limit.MAX_FUNCTION_SIZE:
        raise too_many(
            "bytes in a function", size, limit.MAX_FUNCTION_SIZE, "MAX_FUNCTION_SIZE", pos
        )
    start = reader.pos
    reader.skip(size)
    end = reader.pos
    reader.pos = start
    runs = reader.length()
    declared: tuple[tuple[int, int], ...] = ()
    if runs != 0:
        declared = _locals(reader, runs, known)
    body = reader.pos
    if body >= end:
        raise MalformedError("unexpected end of section or function: the body is too short", end)
    reader.pos = end
    return Code(declared, body, end, start)


def _locals(
    reader: Reader, runs: i64, known: dict[bytes, tuple[tuple[int, int], ...]]
) -> tuple[tuple[int, int], ...]:
    """The runs of locals that a body declares, counted before anything is made of them."""
    start = reader.pos
    total: i64 = 0
    for _ in range(runs):
        total += reader.u32()
        reader.valtype()
        if total >= _LOCALS_END:
            raise MalformedError(f"too many locals: {total} or more", start)
    if total > limit.MAX_LOCALS:
        raise too_many("locals", total, limit.MAX_LOCALS, "MAX_LOCALS", start)
    end = reader.pos
    key = reader.data[start:end]
    declared = known.get(key)
    if declared is None:
        reader.pos = start
        pairs: list[tuple[int, int]] = []
        for _ in range(runs):
            number = reader.u32()
            pairs.append((number, reader.valtype()))
        declared = tuple(pairs)
        known[key] = declared
    return declared
