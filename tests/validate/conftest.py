"""Modules for the validator's tests: built from model objects, with bodies in a small assembly.

A body is instructions separated by ``;``, each a mnemonic and its immediates separated by blanks:
numbers; value types by their names without blanks (``i32``, ``funcref``, ``ref:0``, ``null:func``);
``-`` for the empty block type; ``1,2`` for lists; ``align:offset`` or ``align:offset:memory`` for a
memarg, the alignment as a logarithm; ``kind:tag:label`` or ``kind:label`` for a catch clause.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from wasmwright.errors import CompileError
from wasmwright.features import DEFAULT
from wasmwright.isa import BY_NAME, Instruction, immediates
from wasmwright.model.module import (
    ACTIVE,
    PASSIVE,
    Elem,
    Export,
    Global,
    Import,
    Module,
    Table,
    index_spaces,
)
from wasmwright.model.parts import Code, Data, Expr
from wasmwright.model.types import (
    BOT,
    HEAP_NAMES,
    NULL,
    NUMBER_NAMES,
    REF,
    SHORTHANDS,
    CompType,
    FuncType,
    GlobalType,
    MemoryType,
    SubType,
    TableType,
    TagType,
)
from wasmwright.validate.module import validate

HEAPS = {name: heap for heap, name in HEAP_NAMES.items()}
VALTYPES = {name: code for code, name in NUMBER_NAMES.items() if code != BOT}
VALTYPES |= {name: REF | NULL | heap for heap, name in SHORTHANDS.items()}
CATCHES = {"catch": 0, "catch_ref": 1, "catch_all": 2, "catch_all_ref": 3}


def leb(value: int) -> bytes:
    data = bytearray()
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def signed(value: int) -> bytes:
    data = bytearray()
    while not -0x40 <= value < 0x40:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value & 0x7F)
    return bytes(data)


def heap(text: str) -> int:
    return HEAPS[text] if text in HEAPS else int(text)


def valtype(text: str) -> int:
    """A value type from its name, ``ref:HEAP`` or ``null:HEAP``."""
    prefix, _, rest = text.partition(":")
    if not rest:
        return VALTYPES[text]
    return REF | heap(rest) | (NULL if prefix == "null" else 0)


def valtypes(text: str) -> tuple[int, ...]:
    return tuple(valtype(word) for word in text.split())


def heap_bytes(value: int) -> bytes:
    return bytes((value & 0x7F,)) if value in HEAP_NAMES else signed(value)


def valtype_bytes(text: str) -> bytes:
    code = valtype(text)
    if code in NUMBER_NAMES:
        return bytes((code,))
    prefix = b"\x63" if code & NULL else b"\x64"
    return prefix + heap_bytes(code & ~(REF | NULL))


def vector(items: Sequence[bytes]) -> bytes:
    return leb(len(items)) + b"".join(items)


def immediate(kind: int, text: str) -> bytes:
    words = [word for word in text.split(",") if word]
    match kind:
        case immediates.BLOCKTYPE:
            if text == "-":
                return b"\x40"
            return signed(int(text)) if text.isdigit() else valtype_bytes(text)
        case immediates.LABELS:
            return vector([leb(int(word)) for word in words])
        case immediates.VALTYPES:
            return vector([valtype_bytes(word) for word in words])
        case immediates.CATCHES:
            clauses = [word.split(":") for word in words]
            return vector(
                [bytes((CATCHES[c[0]],)) + b"".join(leb(int(i)) for i in c[1:]) for c in clauses]
            )
        case immediates.MEMARG:
            parts = [int(part) for part in text.split(":")]
            if len(parts) == 3:
                return leb(parts[0] | 0x40) + leb(parts[2]) + leb(parts[1])
            return leb(parts[0]) + leb(parts[1])
        case immediates.HEAPTYPE:
            return heap_bytes(heap(text))
        case immediates.I32 | immediates.I64:
            return signed(int(text))
        case immediates.F32 | immediates.F64 | immediates.V128:
            size = {immediates.F32: 4, immediates.F64: 8, immediates.V128: 16}[kind]
            return int(text).to_bytes(size, "little")
        case immediates.LANES:
            return bytes(int(word) for word in words)
        case immediates.LANE | immediates.CASTFLAGS | immediates.ZERO:
            return bytes((int(text),))
        case _:
            return leb(int(text))


def assemble(text: str) -> bytes:
    """The bytes of a body, its last ``end`` added."""
    data = bytearray()
    for line in text.split(";"):
        words = line.split()
        if not words:
            continue
        row = pick(BY_NAME[words[0]], len(words) - 1)
        data += row.encoding
        for kind, word in zip(row.immediates, words[1:], strict=True):
            data += immediate(kind, word)
    return bytes(data) + b"\x0b"


def pick(rows: Sequence[Instruction], count: int) -> Instruction:
    return next(row for row in rows if len(row.immediates) == count)


class Builder:
    """Collects the bytes of bodies and expressions, which a module then points into."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0asm\1\0\0\0")

    def place(self, data: bytes) -> tuple[int, int]:
        start = len(self.data)
        self.data += data
        return start, len(self.data)

    def expr(self, text: str) -> Expr:
        return Expr(*self.place(assemble(text)))

    def code(self, data: bytes, runs: tuple[tuple[int, int], ...] = ()) -> Code:
        start, end = self.place(data)
        return Code(runs, start, end, start)


def build(
    text: str | bytes = "",
    *,
    params: str = "",
    results: str = "",
    locals: str | Sequence[tuple[int, int]] = "",
    types: Sequence[CompType | SubType | list[SubType]] = (),
    imports: Sequence[Import] = (),
    funcs: Sequence[int] = (),
    tables: Sequence[tuple[TableType, str | None]] = (),
    memories: Sequence[MemoryType] = (),
    globals: Sequence[tuple[GlobalType, str]] = (),
    tags: Sequence[int] = (),
    exports: Sequence[tuple[str, int, int]] = (),
    start: int | None = None,
    elems: Sequence[tuple[int, str, Sequence[int] | Sequence[str]]] = (),
    datas: Sequence[str] = (),
    data_count: bool = True,
) -> Module:
    """A module whose last function has the body ``text``.

    Each of ``types`` is a group (a list of types) or a group of one; the function's own type comes
    last. ``funcs`` are type indices of further functions, which come before it. Of an element
    segment the type, the offset in table 0 or ``""`` for a passive one, and functions or
    expressions are given; of a data segment the offset in memory 0, or ``""``.
    """
    out = Builder()
    flat: list[SubType] = []
    groups: list[tuple[int, int]] = []
    for item in [*types, FuncType(valtypes(params), valtypes(results))]:
        group = item if isinstance(item, list) else [item]
        groups.append((len(flat), len(group)))
        flat += [member if isinstance(member, SubType) else SubType(member) for member in group]
    if isinstance(locals, str):
        locals = [(1, code) for code in valtypes(locals)]
    body = assemble(text) if isinstance(text, str) else text
    codes = [out.code(assemble("unreachable")) for _ in funcs]
    codes.append(out.code(body, tuple(locals)))
    module = Module(
        data=b"",
        types=tuple(flat),
        groups=tuple(groups),
        imports=tuple(imports),
        funcs=(*funcs, len(flat) - 1),
        tables=tuple(
            Table(kind, None if init is None else out.expr(init)) for kind, init in tables
        ),
        memories=tuple(memories),
        globals=tuple(Global(kind, out.expr(init)) for kind, init in globals),
        tags=tuple(TagType(index) for index in tags),
        exports=tuple(Export(*item) for item in exports),
        start=start,
        elems=tuple(segment(out, *item) for item in elems),
        codes=tuple(codes),
        datas=tuple(
            Data(0, ACTIVE if offset else PASSIVE, 0, out.expr(offset) if offset else None, 0, 0)
            for offset in datas
        ),
        data_count=len(datas) if data_count else None,
    )
    fields = {field: getattr(module, field) for field in module.__slots__} | {
        "data": bytes(out.data)
    }
    return index_spaces(Module(**fields))


def segment(out: Builder, kind: int, offset: str, items: Sequence[int] | Sequence[str]) -> Elem:
    funcs = tuple(item for item in items if isinstance(item, int))
    exprs = tuple(out.expr(item) for item in items if isinstance(item, str))
    mode = ACTIVE if offset else PASSIVE
    where = out.expr(offset) if offset else None
    return Elem(4 if exprs else 0, mode, kind, 0, where, funcs, exprs)


@pytest.fixture(name="build")
def build_fixture() -> Callable[..., Module]:
    """The function :func:`build`."""
    return build


@pytest.fixture
def valid() -> Callable[..., None]:
    """A function that builds a module and expects it to be valid."""

    def accept(text: str | bytes = "", *, features: int = DEFAULT, **parts: Any) -> None:
        validate(build(text, **parts), features)

    return accept


@pytest.fixture
def invalid() -> Callable[..., CompileError]:
    """A function that builds a module and expects an error whose message begins so; the error."""

    def reject(
        text: str | bytes, message: str, *, features: int = DEFAULT, **parts: Any
    ) -> CompileError:
        with pytest.raises(CompileError) as caught:
            validate(build(text, **parts), features)
        assert caught.value.message.startswith(message), caught.value
        return caught.value

    return reject
