"""WebAssembly functions to machine code, in one pass over their bytes.

Reads a validated module's function bodies; produces :class:`Compiled` code that has to be placed
within reach of the shared places that its stencils refer to.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64

from wasmwright.binary.cursor import FIRST_PREFIX, OPENS, read_opcode, skip_immediates
from wasmwright.codegen.baseline.accesses import access, lane, signed, wait_or_notify
from wasmwright.codegen.baseline.aggregates import aggregate_instruction
from wasmwright.codegen.baseline.bulk import memory_instruction, table_instruction
from wasmwright.codegen.baseline.calls import call_instruction
from wasmwright.codegen.baseline.casts import cast_instruction
from wasmwright.codegen.baseline.charges import consume, open_charge
from wasmwright.codegen.baseline.control import (
    control_instruction,
    else_,
    end,
    jump_if,
    jump_unless,
    open_function,
)
from wasmwright.codegen.baseline.emitter import FLUSH_AT, Emitter
from wasmwright.codegen.baseline.ends import head, set_slots, slow_paths
from wasmwright.codegen.baseline.exceptions import (
    end_of_try,
    exception_instruction,
    resolve_pads,
)
from wasmwright.codegen.baseline.library import (
    FORMS,
    TYPE_F32,
    TYPE_F64,
    TYPE_I32,
    TYPE_I64,
    TYPE_V128,
    no_stencils,
    type_code,
)
from wasmwright.codegen.baseline.literals import MOST
from wasmwright.codegen.baseline.operations import apply
from wasmwright.codegen.baseline.pins import choose_pins
from wasmwright.codegen.baseline.places import CONSTANT
from wasmwright.codegen.baseline.sites import Counting, Site
from wasmwright.codegen.baseline.view import View
from wasmwright.codegen.fuel import Meter
from wasmwright.errors import CompileError
from wasmwright.isa import BY_SLOT, INSTRUCTIONS, SLOTS, slot
from wasmwright.model.parts import Code

_NO_STENCILS: Final = 0
_PLAIN: Final = 1
_LOCAL_GET: Final = 2
_LOCAL_SET: Final = 3
_LOCAL_TEE: Final = 4
_ACCESS: Final = 5
_CONTROL: Final = 6
_CALL: Final = 7
_CONST: Final = 8
_DROP: Final = 9
_SELECT: Final = 10
_GLOBAL: Final = 11
_MEMORY: Final = 12
_TABLE: Final = 13
_REFERENCE: Final = 14
_LANE: Final = 15
_SHUFFLE: Final = 16
_RELOP: Final = 17
_WIDE: Final = 18
_WAIT: Final = 19
_AGGREGATE: Final = 20
_CAST: Final = 21
_EXCEPTION: Final = 22
_NOTHING: Final = 23
_FENCE: Final = 24
_END_OF_BLOCK: Final = 25

_BY_FAMILY: Final[dict[str, int]] = {
    "control": _CONTROL,
    "call": _CALL,
    "const": _CONST,
    "vconst": _CONST,
    "load": _ACCESS,
    "store": _ACCESS,
    "vload": _ACCESS,
    "vstore": _ACCESS,
    "vload_lane": _LANE,
    "vstore_lane": _LANE,
    "vextract_lane": _LANE,
    "vreplace_lane": _LANE,
    "vshuffle": _SHUFFLE,
    "memory": _MEMORY,
    "table": _TABLE,
    "reference": _REFERENCE,
    "wide": _WIDE,
    "atomic.load": _ACCESS,
    "atomic.store": _ACCESS,
    "atomic.rmw": _ACCESS,
    "atomic.cmpxchg": _ACCESS,
    "atomic.wait": _WAIT,
    "atomic.notify": _WAIT,
    "atomic.fence": _FENCE,
    "aggregate": _AGGREGATE,
    "testop": _RELOP,
    "relop": _RELOP,
}
_BY_NAME: Final[dict[str, int]] = {
    "local.get": _LOCAL_GET,
    "local.set": _LOCAL_SET,
    "local.tee": _LOCAL_TEE,
    "drop": _DROP,
    "select": _SELECT,
    "global.get": _GLOBAL,
    "global.set": _GLOBAL,
    "end": _END_OF_BLOCK,
    "try": _EXCEPTION,
    "catch": _EXCEPTION,
    "throw": _EXCEPTION,
    "rethrow": _EXCEPTION,
    "throw_ref": _EXCEPTION,
    "delegate": _EXCEPTION,
    "catch_all": _EXCEPTION,
    "try_table": _EXCEPTION,
    "ref.eq": _CAST,
    "ref.test": _CAST,
    "ref.cast": _CAST,
    "br_on_cast": _CAST,
    "br_on_cast_fail": _CAST,
    "ref.i31": _CAST,
    "i31.get_s": _CAST,
    "i31.get_u": _CAST,
    # A reference is the same word in both hierarchies.
    "any.convert_extern": _NOTHING,
    "extern.convert_any": _NOTHING,
}


def _handlers() -> list[int]:
    handlers = [_NO_STENCILS] * SLOTS
    for row in INSTRUCTIONS:
        found = _BY_NAME.get(row.name, _BY_FAMILY.get(row.family, _NO_STENCILS))
        if not found and row.params is not None and not row.immediates:
            found = _PLAIN
        handlers[row.slot] = found
    return handlers


# By slot.
_HANDLERS: Final = bytes(_handlers())

_I32_CONST: Final = slot("i32.const")
_I64_CONST: Final = slot("i64.const")
_F32_CONST: Final = slot("f32.const")
_F64_CONST: Final = slot("f64.const")
_GLOBAL_GET: Final = slot("global.get")
_SELECT_TYPED: Final = 0x1C
_IF: Final = slot("if")
_ELSE: Final = slot("else")
_END: Final = slot("end")
_DELEGATE: Final = slot("delegate")
_CATCH: Final = slot("catch")
_CATCH_ALL: Final = slot("catch_all")
_BR_IF: Final = slot("br_if")
_REF_NULL: Final = slot("ref.null")
_REF_FUNC: Final = slot("ref.func")
_REF_IS_NULL: Final = slot("ref.is_null")
_REF_AS_NON_NULL: Final = slot("ref.as_non_null")


class Compiled:
    """Machine code of several functions, to be placed.

    ``funcs`` are the functions' indices, ``starts`` their offsets in ``code``, ``steps`` the bytes
    of a local in their frames.
    ``shared`` has three numbers of 32 bits for each hole that depends on where the code is: its
    offset, a shared place's number, what is added; ``map`` pairs of them: from which offset in the
    code on belongs to which in the binary, or to nothing (-1). ``sites`` are the places that count,
    ``cells`` the memory that they count in, to be where code may write.
    ``pads`` has four numbers for each call in a block that catches: its start and end, its landing
    pad, and the size of its function's slots.
    """

    __slots__ = ("cells", "code", "funcs", "map", "pads", "shared", "sites", "starts", "steps")

    def __init__(self) -> None:
        self.code: bytes = b""
        self.funcs: list[int] = []
        self.starts: list[int] = []
        self.steps: list[int] = []
        self.shared: bytes = b""
        self.map: bytes = b""
        self.sites: list[Site] = []
        self.cells: bytes = b""
        self.pads: list[int] = []


def compile_functions(view: View, funcs: list[int], counting: Counting | None = None) -> Compiled:
    """The code of the functions with these indices, which counts if it is told how."""
    e = Emitter(view)
    e.counted = counting
    made = Compiled()
    for func in funcs:
        filled: int = -len(e.out) & 15
        if e.words and filled < 4:
            filled += 16
        e.out.write(e.around.filler * filled)
        made.starts.append(len(e.out))
        _function(e, func)
        made.funcs.append(func)
        made.steps.append(e.step)
    made.code = e.out.getvalue()
    made.shared = e.shared.getvalue()
    made.map = e.map.getvalue()
    made.sites = e.sites
    if counting is not None:
        made.cells = counting.cells(e.sites)
    made.pads = e.pads
    return made


def _function(e: Emitter, func: int) -> None:
    module = e.module
    code: Code = module.codes[func - e.view.imported_funcs]
    signature = e.view.signature(e.view.func_types[func])
    types: vec[i64] = vec[i64]()
    for i in range(signature.params.count):
        types = append(types, signature.params.types[i])
    for count, valtype in code.locals:
        kind: i64 = type_code(valtype)
        for _ in range(count):
            types = append(types, kind)
    e.reader.pos = code.start
    e.reader.end = code.end
    e.begin = e.at = code.start
    vectors = choose_pins(e, types)
    e.step = 16 if vectors or e.layout.vectors else 8
    e.base = e.step * len(types)
    e.height = 0
    e.flushed = 0
    e.top = 0
    e.ints = 0
    e.floats = 0
    e.valid = 0
    e.dead = False
    e.nesting = 0
    e.func = func
    e.start = len(e.out)
    e.waiting = []
    e.landings = vec[i64]()
    e.used = vec[bool]()
    e.handlers = []
    e.protected = vec[i64]()
    size_at = head(e, signature.params, len(types))
    e.count(-1, False)
    e.reader.pos = code.start
    e.results = signature.results
    results: list[int] = []
    for i in range(signature.results.count):
        results.append(signature.results.types[i])
    open_function(e, results)
    e.meter = Meter() if e.view.fuel else None
    if e.meter is not None:
        open_charge(e, e.meter)
    _body(e)
    slow_paths(e)
    if e.words and len(e.out) - e.start > MOST:
        raise CompileError(f"the code of function {func} is too long: {len(e.out) - e.start} bytes")
    slots = e.base + (e.top + 1) * e.step
    slots = (slots + 15) & ~15
    set_slots(e, size_at, slots)
    e.literals.write(e.out, e.shared)
    resolve_pads(e, slots)


def _body(e: Emitter) -> None:
    reader = e.reader
    data = reader.data
    library = e.library
    while e.frames:
        pos = reader.pos
        e.at = pos
        opcode: i64 = data[pos]
        if opcode < FIRST_PREFIX:
            reader.pos = pos + 1
        else:
            opcode = read_opcode(reader)
        if e.dead:
            _dead(e, opcode)
            continue
        if e.height - e.flushed > FLUSH_AT:
            e.flush(0)
        if e.words:
            e.island()
        if e.meter is not None:
            consume(e, opcode, e.meter)
        handler: i64 = _HANDLERS[opcode]
        if handler == _LOCAL_GET:
            e.local_get(reader.u32())
        elif handler == _PLAIN:
            _plain(e, opcode)
        elif handler == _RELOP:
            _comparison(e, opcode)
        elif handler == _LOCAL_SET:
            e.local_set(reader.u32(), False)
        elif handler == _LOCAL_TEE:
            e.local_set(reader.u32(), True)
        elif handler == _CONST:
            _const(e, opcode)
        elif handler == _ACCESS:
            access(e, opcode, library.accesses, opcode * len(FORMS))
        elif handler == _END_OF_BLOCK:
            _end(e)
        elif handler == _CONTROL:
            control_instruction(e, opcode)
        elif handler == _CALL:
            e.dead = call_instruction(e, opcode)
        elif handler == _DROP:
            e.drop()
        elif handler == _SELECT:
            _select(e, opcode)
        elif handler == _GLOBAL:
            _global(e, opcode)
        elif handler == _MEMORY:
            memory_instruction(e, opcode)
        elif handler == _TABLE:
            table_instruction(e, opcode)
        elif handler == _REFERENCE:
            _reference(e, opcode)
        elif handler == _LANE:
            lane(e, opcode)
        elif handler == _SHUFFLE:
            _shuffle(e)
        elif handler == _WIDE:
            _wide(e, opcode)
        elif handler == _AGGREGATE:
            aggregate_instruction(e, opcode)
        elif handler == _CAST:
            cast_instruction(e, opcode)
        elif handler == _EXCEPTION:
            exception_instruction(e, opcode)
        elif handler == _WAIT:
            wait_or_notify(e, opcode)
        elif handler == _NOTHING:
            pass
        elif handler == _FENCE:
            reader.byte()
            apply(e, library.family("atomic.fence"), 0, -1, 0, 0)
        else:
            raise no_stencils(opcode)


def _dead(e: Emitter, opcode: i64) -> None:
    """Steps over an instruction that is never reached."""
    if opcode == _END:
        if e.nesting == 0:
            _end(e)
        else:
            e.nesting -= 1
    elif opcode == _ELSE:
        if e.nesting == 0:
            else_(e)
    elif e.nesting == 0 and (opcode == _DELEGATE or opcode == _CATCH or opcode == _CATCH_ALL):
        exception_instruction(e, opcode)
    else:
        if OPENS[opcode]:
            e.nesting += 1
        elif opcode == _DELEGATE:
            e.nesting -= 1
        skip_immediates(e.reader, opcode)


def _end(e: Emitter) -> None:
    if e.frames[-1].handler >= 0:
        end_of_try(e)
    else:
        end(e)


def _plain(e: Emitter, opcode: i64) -> None:
    family = e.library.exact[opcode] if e.view.exact else e.library.plain[opcode]
    if family is None:
        raise no_stencils(opcode)
    if e.library.traps[opcode] != 0:
        e.mark()
    apply(e, family, e.library.arity[opcode], e.library.result[opcode], 0, 0)


def _comparison(e: Emitter, opcode: i64) -> None:
    """A comparison, fused with the branch that follows it, if one does."""
    library = e.library
    following: i64 = e.reader.data[e.reader.pos]
    if following == _BR_IF:
        family = library.jumps[opcode]
        if family is not None:
            _fuse(e, following)
            jump_if(e, family, library.arity[opcode])
            return
    elif following == _IF:
        family = library.jumps_unless[opcode]
        if family is not None:
            _fuse(e, following)
            jump_unless(e, family, library.arity[opcode])
            return
    family = library.plain[opcode]
    if family is None:
        raise no_stencils(opcode)
    apply(e, family, library.arity[opcode], TYPE_I32, 0, 0)


def _fuse(e: Emitter, opcode: i64) -> None:
    """Takes the next instruction, of one byte, to be compiled with the present one."""
    e.reader.pos += 1
    if e.meter is not None:
        consume(e, opcode, e.meter)


def _const(e: Emitter, opcode: i64) -> None:
    reader = e.reader
    if opcode == _I32_CONST:
        e.push(TYPE_I32 << 4 | CONSTANT, reader.s32() & 0xFFFFFFFF)
    elif opcode == _I64_CONST:
        e.push(TYPE_I64 << 4 | CONSTANT, reader.s64())
    elif opcode == _F32_CONST:
        e.push(TYPE_F32 << 4 | CONSTANT, reader.word32())
    elif opcode == _F64_CONST:
        low = reader.word32()
        high = reader.word32()
        e.push(TYPE_F64 << 4 | CONSTANT, signed(high) << 32 | low)
    else:
        e.vectors.append((reader.word64(), reader.word64()))
        e.push(TYPE_V128 << 4 | CONSTANT, len(e.vectors) - 1)


def _select(e: Emitter, opcode: i64) -> None:
    if opcode == _SELECT_TYPED:
        e.reader.u32()
        e.reader.valtype()
    valtype = e.kinds[e.height - 2] >> 4
    apply(e, e.library.selects[valtype], 3, valtype, 0, 0)


def _global(e: Emitter, opcode: i64) -> None:
    index = e.reader.u32()
    view = e.view
    place = view.global_places[index]
    if opcode == _GLOBAL_GET:
        apply(e, view.global_gets[index], 0, view.global_types[index], place, 0)
    else:
        apply(e, view.global_sets[index], 1, -1, place, 0)


def _reference(e: Emitter, opcode: i64) -> None:
    reader = e.reader
    if opcode == _REF_NULL:
        reader.heaptype()
        e.push(TYPE_I64 << 4 | CONSTANT, 0)
    elif opcode == _REF_FUNC:
        index: int = reader.u32()
        name = "ref.func.i" if index < e.module.imported_funcs else "ref.func.d"
        apply(e, e.library.family(name), 0, TYPE_I64, e.layout.func(index), 0)
    elif opcode == _REF_IS_NULL:
        apply(e, e.library.family("ref.is_null"), 1, TYPE_I32, 0, 0)
    elif opcode == _REF_AS_NON_NULL:
        e.mark()
        apply(e, e.library.family("ref.as_non_null"), 1, TYPE_I64, 0, 0)
    else:
        raise no_stencils(opcode)


def _shuffle(e: Emitter) -> None:
    e.vectors.append((e.reader.word64(), e.reader.word64()))
    e.push(TYPE_V128 << 4 | CONSTANT, len(e.vectors) - 1)
    apply(e, e.library.family("i8x16.shuffle"), 3, TYPE_V128, 0, 0)


def _wide(e: Emitter, opcode: i64) -> None:
    row = BY_SLOT[opcode]
    assert row is not None
    for i in range(e.height - e.library.arity[opcode], e.height):
        e.put(i)
    e.spill()
    apply(e, e.library.family(row.name), e.library.arity[opcode], TYPE_I64, 0, 0)
    e.push_register(TYPE_I64)
