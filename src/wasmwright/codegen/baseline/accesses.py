"""Accesses to linear memory (spec: Execution > Instructions > Memory Instructions)."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from wasmwright.binary.cursor import memarg_flags
from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.library import (
    FORM_ANY64,
    FORMS,
    TYPE_I32,
    TYPE_I64,
    Family,
    no_stencils,
)
from wasmwright.codegen.baseline.operations import apply, calling
from wasmwright.codegen.baseline.places import CONSTANT, REGISTER, REGISTERS
from wasmwright.isa import BY_SLOT

_MAX_OFFSET: Final = (1 << 31) - 64  # of an access, in a hole


def signed(word: i64) -> i64:
    """32 bits as a signed number."""
    return (word ^ 0x80000000) - 0x80000000


def access(e: Emitter, opcode: i64, families: vec[Family | None], first: i64) -> None:
    """A load, store, or atomic operation; ``families`` has its forms from ``first`` on."""
    reader = e.reader
    memory = memarg_flags(reader) >> 6
    library = e.library
    count = library.arity[opcode]
    form = e.view.memory_forms[memory]
    offset: i64 = reader.data[reader.pos]
    if offset < 0x80:
        reader.pos += 1
    else:
        wide_offset: int = reader.u64()
        offset = 0
        if wide_offset < _MAX_OFFSET:
            offset = wide_offset
        else:
            _far(e, count, wide_offset, form != FORM_ANY64)
            form = FORM_ANY64
    family = families[first + form]
    if family is None:
        raise no_stencils(opcode)
    e.mark()
    apply(e, family, count, library.result[opcode], offset, e.view.memory_places[memory])


def _far(e: Emitter, count: i64, offset: int, narrow: bool) -> None:
    """Adds an offset that no hole has room for to the address, which gets 64 bits."""
    kinds: list[int] = []
    payloads: list[int] = []
    for _ in range(1, count):  # what is above the address
        e.put(e.height - 1)
        kinds.append(e.kinds[e.height - 1])
        payloads.append(e.payloads[e.height - 1])
        e.drop()
    if narrow:
        extend = e.library.family("i64.extend_i32_u")
        apply(e, extend, 1, TYPE_I64, 0, 0)
    if e.kinds[e.height - 1] & 15 != REGISTER or e.ints == REGISTERS:
        e.put(e.height - 1)
        e.to_register(e.height - 1)
    low: i64 = offset & 0xFFFFFFFF
    high: i64 = offset >> 32
    e.push(TYPE_I64 << 4 | CONSTANT, signed(high) << 32 | low)
    e.to_register(e.height - 1)
    if e.kinds[e.height - 2] & 15 != REGISTER:
        # There was no room for both.
        e.put(e.height - 1)
        e.to_register(e.height - 2)
        e.to_register(e.height - 1)
    e.drop()
    number = e.library.number(e.library.first("address.far") + e.ints - 1)
    e.emit(number, 0, 0, 0, 0, 0)
    for i in range(len(kinds) - 1, -1, -1):
        e.push(kinds[i], payloads[i])


def wait_or_notify(e: Emitter, opcode: i64) -> None:
    """``memory.atomic.wait32``, ``wait64`` and ``notify``, which call the runtime."""
    reader = e.reader
    memory = memarg_flags(reader) >> 6
    offset: int = reader.u64()
    row = BY_SLOT[opcode]
    assert row is not None
    limits = e.module.all_memories[memory].limits
    suffix = ("" if limits.shared else "u") + ("q" if limits.address64 else "")
    if offset >= _MAX_OFFSET:
        _far(e, e.library.arity[opcode], offset, not limits.address64)
        suffix = ("" if limits.shared else "u") + "q"
        offset = 0
    family = e.library.family(f"{row.name}.{suffix}" if suffix else row.name)
    calling(e, family, e.library.arity[opcode], TYPE_I32, offset, e.layout.memory(memory))


def lane(e: Emitter, opcode: i64) -> None:
    """An instruction that names a lane of a vector."""
    row = BY_SLOT[opcode]
    assert row is not None
    library = e.library
    count = library.arity[opcode]
    if row.family == "vextract_lane" or row.family == "vreplace_lane":
        family = library.family(f"{row.name}/{e.reader.byte()}")
        apply(e, family, count, library.result[opcode], 0, 0)
        return
    pos = e.reader.pos
    memarg_flags(e.reader)
    e.reader.u64()
    name = f"{row.name}/{e.reader.byte()}"
    end = e.reader.pos
    families = vec[Family | None]([library.find(name + suffix) for suffix in FORMS])
    e.reader.pos = pos
    access(e, opcode, families, 0)
    e.reader.pos = end
