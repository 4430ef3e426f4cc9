"""Which locals live in registers: the most used ones, where use in a loop counts more."""

from __future__ import annotations

from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64

from wasmwright.binary.cursor import FIRST_PREFIX, OPENS, read_opcode, skip_immediates
from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.library import TYPE_F32, TYPE_V128
from wasmwright.codegen.baseline.places import FRAME, PIN, PINNED
from wasmwright.isa import INSTRUCTIONS, PREFIX_BASE, SLOTS, slot

_LOCAL_GET: Final = slot("local.get")
_LOCAL_TEE: Final = slot("local.tee")
_LOOP: Final = slot("loop")
_TRY: Final = slot("try")
_TRY_TABLE: Final = slot("try_table")
_I32_CONST: Final = slot("i32.const")
_FIRST_ACCESS: Final = slot("i32.load")
_LAST_ACCESS: Final = slot("i64.store32")
_FIRST_MEMORY: Final = 0x40  # alignments from which on the index of a memory follows
_FIRST_PLAIN: Final = slot("i32.eqz")
_LAST_PLAIN: Final = slot("i64.extend32_s")
_END: Final = slot("end")
_DELEGATE: Final = slot("delegate")
_FIRST_VECTOR: Final = PREFIX_BASE[0xFD]
_LAST_VECTOR: Final = PREFIX_BASE[0xFE]

_LOOP_SHIFT: Final = 3  # use in a loop counts eight times
_MAX_SHIFT: Final = 12
# Bytes of body up to which a function without calls has no more operands than its frame may have
# without a check of the stack.
_LEAF_BODY: Final = 256
# Families of instructions that call nothing, and of the others those that do.
_CALM: Final = (
    "parametric variable load store const testop relop unop binop cvtop wide vload vstore vconst "
    "vshuffle vswizzlop vsplat vextract_lane vreplace_lane vrelop vvunop vvbinop vvternop vvtestop "
    "vload_lane vstore_lane vcvtop vunop vtestop vbitmask vbinop vshiftop vextunop vextbinop "
    "vternop vextternop"
).split()
_CALM_NAMES: Final = (
    "unreachable nop block loop if else end br br_if br_table return memory.size"
).split()
_WORTH: Final = 3  # uses from which on a register is worth it


def _may_call() -> vec[bool]:
    found = vec[bool]([True] * SLOTS)
    for row in INSTRUCTIONS:
        found[row.slot] = row.family not in _CALM and row.name not in _CALM_NAMES
    return found


# By slot.
_MAY_CALL: Final[vec[bool]] = _may_call()


def choose_pins(e: Emitter, types: vec[i64]) -> bool:
    """Chooses the locals of the body where the reader is, which it reads to its end.

    ``types`` are those of the locals. Returns whether there are vectors in it, from itself; whether
    it is a leaf, and whether it catches, is noted, too.
    """
    vectors = False
    catches = len(e.module.all_tags) > 0
    leaf = e.reader.end - e.reader.pos <= _LEAF_BODY
    places: vec[i64] = vec[i64]()
    weights: vec[i64] = vec[i64]()
    for i in range(len(types)):
        if types[i] == TYPE_V128:
            vectors = True
        places = append(places, i64(FRAME))
        weights = append(weights, i64(0))
    e.local_types = types
    reader = e.reader
    data = reader.data
    pos = reader.pos
    end = reader.end
    shift: i64 = 0
    loops: vec[i64] = vec[i64]()  # what each block around here adds to the shift
    depth: i64 = 0
    while pos < end:
        opcode: i64 = data[pos]
        # The most of them: nothing to know, and no immediates, or those that end with an integer.
        if opcode >= _FIRST_PLAIN and opcode <= _LAST_PLAIN:
            pos += 1
            continue
        if opcode == _I32_CONST or (
            opcode >= _FIRST_ACCESS and opcode <= _LAST_ACCESS and data[pos + 1] < _FIRST_MEMORY
        ):
            if opcode != _I32_CONST:
                pos += 1
            pos += 1
            while data[pos] >= 0x80:
                pos += 1
            pos += 1
            continue
        reader.pos = pos + 1
        if opcode >= FIRST_PREFIX:
            reader.pos = pos
            opcode = read_opcode(reader)
        if opcode >= _LOCAL_GET and opcode <= _LOCAL_TEE:
            index = reader.u32()
            heavy = shift
            if heavy > _MAX_SHIFT:
                heavy = _MAX_SHIFT
            weights[index] += 1 << heavy
            pos = reader.pos
            continue
        if opcode == _LOOP:
            loops = _enter(loops, depth, _LOOP_SHIFT)
            depth += 1
            shift += _LOOP_SHIFT
        elif OPENS[opcode]:
            loops = _enter(loops, depth, 0)
            depth += 1
            if opcode == _TRY or opcode == _TRY_TABLE:
                catches = True
        elif opcode == _END or opcode == _DELEGATE:
            if depth > 0:
                depth -= 1
                shift -= loops[depth]
        elif opcode >= _FIRST_VECTOR and opcode < _LAST_VECTOR:
            vectors = True
        if leaf and _MAY_CALL[opcode]:
            leaf = False
        skip_immediates(reader, opcode)
        pos = reader.pos
    e.leaf = leaf
    e.catches = catches
    e.local_pins = places
    e.pins = 0
    _pin(e, weights, False)
    _pin(e, weights, True)
    return vectors


def _enter(loops: vec[i64], depth: i64, shift: i64) -> vec[i64]:
    if depth == len(loops):
        return append(loops, shift)
    loops[depth] = shift
    return loops


def _pin(e: Emitter, weights: vec[i64], floats: bool) -> None:
    """Gives the registers of a class to the locals with the greatest weights."""
    best = vec[i64]([-1] * PINNED)
    for index in range(len(weights)):
        weight = weights[index]
        if weight < _WORTH or (e.local_types[index] >= TYPE_F32) != floats:
            continue
        at: i64 = PINNED
        while at > 0 and (best[at - 1] < 0 or weights[best[at - 1]] < weight):
            at -= 1
        if at == PINNED:
            continue
        for i in range(PINNED - 1, at, -1):
            best[i] = best[i - 1]
        best[at] = index
    first: i64 = PINNED if floats else 0
    for pin in range(PINNED):
        index = best[pin]
        if index >= 0:
            e.local_pins[index] = PIN + pin
            e.pinned[first + pin] = index
            e.pins |= 1 << (first + pin)
