"""WebAssembly functions to machine code, in one pass over their bytes.

Reads a validated module's function bodies; produces a :class:`Unit` of code that has to be placed
within reach of the shared places that its stencils refer to. Raises :class:`Unsupported` for a
function that has an instruction without stencils.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64

from wasmwright.binary.cursor import memarg_flags, read_opcode
from wasmwright.codegen.baseline import x86_64 as arch
from wasmwright.codegen.baseline.calls import call_instruction
from wasmwright.codegen.baseline.control import (
    control_instruction,
    dead_instruction,
    jump_if,
    jump_unless,
    open_function,
)
from wasmwright.codegen.baseline.emitter import Counting, Emitter, Site
from wasmwright.codegen.baseline.library import (
    FORM_ANY64,
    FORMS,
    TYPE_F32,
    TYPE_F64,
    TYPE_I32,
    TYPE_I64,
    TYPE_V128,
    Family,
    type_code,
)
from wasmwright.codegen.baseline.pins import choose_pins
from wasmwright.codegen.baseline.places import CONSTANT, REGISTER
from wasmwright.codegen.baseline.unsupported import Unsupported
from wasmwright.codegen.baseline.view import Side, View
from wasmwright.isa import BY_SLOT, INSTRUCTIONS, SLOTS, slot
from wasmwright.model.parts import Code

_UNSUPPORTED: Final = 0
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
    "end": _CONTROL,
}
_NOT_YET: Final = frozenset(
    "try catch throw rethrow throw_ref delegate catch_all try_table ref.eq ref.test ref.cast "
    "br_on_cast br_on_cast_fail any.convert_extern extern.convert_any ref.i31 i31.get_s "
    "i31.get_u".split()
)


def _handlers() -> list[int]:
    handlers = [_UNSUPPORTED] * SLOTS
    for row in INSTRUCTIONS:
        if row.name in _NOT_YET:
            continue
        found = _BY_NAME.get(row.name, _BY_FAMILY.get(row.family, _UNSUPPORTED))
        if not found and row.params is not None and not row.immediates:
            found = _PLAIN
        handlers[row.slot] = found
    return handlers


# By slot.
_HANDLERS: Final[list[int]] = _handlers()

_I32_CONST: Final = slot("i32.const")
_I64_CONST: Final = slot("i64.const")
_F32_CONST: Final = slot("f32.const")
_F64_CONST: Final = slot("f64.const")
_GLOBAL_GET: Final = slot("global.get")
_SELECT_TYPED: Final = 0x1C
_IF: Final = slot("if")
_BR_IF: Final = slot("br_if")
_REF_NULL: Final = slot("ref.null")
_REF_FUNC: Final = slot("ref.func")
_REF_IS_NULL: Final = slot("ref.is_null")
_REF_AS_NON_NULL: Final = slot("ref.as_non_null")
_MEMORY_INIT: Final = slot("memory.init")
_MEMORY_COPY: Final = slot("memory.copy")
_MEMORY_GROW: Final = slot("memory.grow")
_MEMORY_SIZE: Final = slot("memory.size")
_DATA_DROP: Final = slot("data.drop")
_TABLE_INIT: Final = slot("table.init")
_ELEM_DROP: Final = slot("elem.drop")
_TABLE_COPY: Final = slot("table.copy")
_TABLE_GROW: Final = slot("table.grow")
_TABLE_GET: Final = slot("table.get")
_TABLE_SET: Final = slot("table.set")
_TABLE_SIZE: Final = slot("table.size")

_MAX_OFFSET: Final = (1 << 31) - 64  # of an access, in a hole


class Compiled:
    """Machine code of several functions, to be placed.

    ``funcs`` are the functions' indices, ``starts`` their offsets in ``code``, ``steps`` the bytes
    of a local in their frames; ``left`` are those that have an instruction without stencils.
    ``shared`` has three numbers of 32 bits for each hole that depends on where the code is: its
    offset, a shared place's number, what is added; ``map`` pairs of them: from which offset in the
    code on belongs to which in the binary, or to nothing (-1). ``sites`` are the places that count.
    """

    __slots__ = ("code", "funcs", "left", "map", "shared", "sites", "starts", "steps")

    def __init__(self) -> None:
        self.code: bytes = b""
        self.funcs: list[int] = []
        self.starts: list[int] = []
        self.steps: list[int] = []
        self.left: list[int] = []
        self.shared: bytes = b""
        self.map: bytes = b""
        self.sites: list[Site] = []


def compile_functions(view: View, funcs: list[int], counting: Counting | None = None) -> Compiled:
    """The code of the functions with these indices, which counts if it is told how."""
    e = Emitter(view)
    e.counted = counting
    made = Compiled()
    for func in funcs:
        e.out.write(b"\xcc" * int(-len(e.out) & 15))
        start, shared, places, sites = len(e.out), len(e.shared), len(e.map), len(e.sites)
        try:
            _function(e, func)
        except Unsupported:
            e.out.truncate(start)
            e.shared.truncate(shared)
            e.map.truncate(places)
            del e.sites[sites:]
            e.frames = []
            made.left.append(func)
            continue
        made.funcs.append(func)
        made.starts.append(start)
        made.steps.append(e.step)
    made.code = e.out.getvalue()
    made.shared = e.shared.getvalue()
    made.map = e.map.getvalue()
    made.sites = e.sites
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
    e.at = code.start
    vectors = choose_pins(e, types)
    e.step = 16 if vectors else 8
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
    e.waiting = []
    size_at = _head(e, signature.params, len(types))
    e.count(-1, False)
    e.reader.pos = code.start
    e.results = signature.results
    results: list[int] = []
    for i in range(signature.results.count):
        results.append(signature.results.types[i])
    open_function(e, results)
    _body(e)
    _slow_paths(e)
    slots = e.base + (e.top + 1) * e.step
    slots = (slots + 15) & ~15
    e.patch(size_at, slots)
    e.patch(e.check_at, slots)


def _slow_paths(e: Emitter) -> None:
    """What the function's counting sites do when they have counted to the end."""
    counting = e.counted
    if counting is None or not e.waiting:
        return
    out = e.out
    e.at = -1
    e.mark()
    end: i64 = len(out)
    out.write(arch.END)
    number = e.library.number(e.library.hot)
    for site in e.waiting:
        e.patch(site.place, len(out) - site.place - 4)
        start = e.emit_cell(number, site.cell, 0, counting.more, counting.file)
        site.number_at = start + e.library.records[number * 16 + 6] - 1
        place = e.taken(number, start)
        e.patch(place, end - place - 4)
        e.valid = 0
        e.need(site.valid)
        back: i64 = len(out) + arch.JUMP_AT
        out.write(arch.JUMP)
        e.patch(back, site.back - back - 4)


def _head(e: Emitter, params: Side, count: i64) -> i64:
    """A function's head; where the size of its slots is to be written."""
    library = e.library
    e.mark()
    e.out.write(arch.HEAD)
    check = library.number(library.check)
    start = e.emit(check, 0, 0, 0, 0, 0)
    e.check_at = start + library.records[check * 16 + 6] - 1
    size_at: i64 = len(e.out) + arch.SLOTS_SIZE_AT
    e.out.write(arch.MAKE_SLOTS)
    ints: i64 = 0
    floats: i64 = 0
    for i in range(params.count):
        if params.places[i] >= 0:
            continue
        kind = params.types[i]
        if kind >= TYPE_F32:
            first = library.enter_vector if kind == TYPE_V128 else library.enter_float
            number = library.number(first + floats)
            floats += 1
        else:
            number = library.number(library.enter_int + ints)
            ints += 1
        e.emit(number, i * e.step, 0, 0, 0, 0)
    if params.in_area:
        for i in range(params.count):
            if params.places[i] >= 0:
                wide: i64 = 1 if params.types[i] == TYPE_V128 else 0
                number = library.number(library.area_get + wide)
                e.emit(number, i * e.step, 0, 0, params.places[i], 0)
    if e.view.has_memory:
        e.emit(library.number(library.base), 0, 0, 0, 0, 0)
    words = (count - params.count) * (e.step // 8)
    if words > 8:
        e.emit(library.number(library.zeros), params.count * e.step, words * 8, 0, 0, 0)
    else:
        for i in range(words):
            e.emit(library.number(library.zero), params.count * e.step + 8 * i, 0, 0, 0, 0)
    return size_at


def _body(e: Emitter) -> None:
    reader = e.reader
    library = e.library
    while e.frames:
        e.at = reader.pos
        opcode = read_opcode(reader)
        if e.dead:
            dead_instruction(e, opcode)
            continue
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
            _access(e, opcode, library.accesses, opcode * len(FORMS))
        elif handler == _CONTROL:
            control_instruction(e, opcode)
        elif handler == _CALL:
            call_instruction(e, opcode)
        elif handler == _DROP:
            e.drop()
        elif handler == _SELECT:
            _select(e, opcode)
        elif handler == _GLOBAL:
            _global(e, opcode)
        elif handler == _MEMORY:
            _memory(e, opcode)
        elif handler == _TABLE:
            _table(e, opcode)
        elif handler == _REFERENCE:
            _reference(e, opcode)
        elif handler == _LANE:
            _lane(e, opcode)
        elif handler == _SHUFFLE:
            _shuffle(e)
        elif handler == _WIDE:
            _wide(e, opcode)
        else:
            raise unsupported(opcode)


def unsupported(opcode: i64) -> Unsupported:
    """The error for an instruction that has no stencils."""
    row = BY_SLOT[opcode]
    return Unsupported("?" if row is None else row.name)


def _plain(e: Emitter, opcode: i64) -> None:
    family = e.library.plain[opcode]
    if family is None:
        raise unsupported(opcode)
    if e.library.traps[opcode] != 0:
        e.mark()
    e.apply(family, e.library.arity[opcode], e.library.result[opcode], 0, 0)


def _comparison(e: Emitter, opcode: i64) -> None:
    """A comparison, fused with the branch that follows it, if one does."""
    library = e.library
    following: i64 = e.reader.data[e.reader.pos]
    if following == _BR_IF:
        family = library.jumps[opcode]
        if family is not None:
            e.reader.pos += 1
            jump_if(e, family, library.arity[opcode])
            return
    elif following == _IF:
        family = library.jumps_unless[opcode]
        if family is not None:
            e.reader.pos += 1
            jump_unless(e, family, library.arity[opcode])
            return
    family = library.plain[opcode]
    if family is None:
        raise unsupported(opcode)
    e.apply(family, library.arity[opcode], TYPE_I32, 0, 0)


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


def signed(word: i64) -> i64:
    """32 bits as a signed number."""
    return (word ^ 0x80000000) - 0x80000000


def _access(e: Emitter, opcode: i64, families: list[Family | None], first: i64) -> None:
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
        raise unsupported(opcode)
    e.mark()
    e.apply(family, count, library.result[opcode], offset, e.view.memory_places[memory])


def _far(e: Emitter, count: i64, offset: int, narrow: bool) -> None:
    """Adds an offset that no hole has room for to the address, which gets 64 bits."""
    value: i64 = 0
    valtype: i64 = 0
    if count > 1:  # the value to store is above the address
        e.put(e.height - 1)
        valtype = e.kinds[e.height - 1]
        value = e.payloads[e.height - 1]
        e.drop()
    if narrow:
        extend = e.library.family("i64.extend_i32_u")
        e.apply(extend, 1, TYPE_I64, 0, 0)
    if e.kinds[e.height - 1] & 15 != REGISTER or e.ints == 3:
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
    if count > 1:
        e.push(valtype, value)


def _select(e: Emitter, opcode: i64) -> None:
    if opcode == _SELECT_TYPED:
        e.reader.u32()
        e.reader.valtype()
    valtype = e.kinds[e.height - 2] >> 4
    e.apply(e.library.selects[valtype], 3, valtype, 0, 0)


def _global(e: Emitter, opcode: i64) -> None:
    index = e.reader.u32()
    view = e.view
    place = view.global_places[index]
    if opcode == _GLOBAL_GET:
        e.apply(view.global_gets[index], 0, view.global_types[index], place, 0)
    else:
        e.apply(view.global_sets[index], 1, -1, place, 0)


def _calling(e: Emitter, family: Family, count: i64, result: i64, extra: i64, more: i64) -> None:
    """An operation that calls the runtime: no register survives it."""
    e.mark()
    e.leave_registers()
    e.apply(family, count, result, extra, more)


def _memory(e: Emitter, opcode: i64) -> None:
    reader = e.reader
    library = e.library
    if opcode == _DATA_DROP:
        data: int = reader.u32()
        e.apply(library.family("data.drop"), 0, -1, 0, e.layout.data(data))
        return
    if opcode == _MEMORY_COPY:
        to: int = reader.u32()
        origin: int = reader.u32()
        memories = e.module.all_memories
        if memories[to].limits.address64 or memories[origin].limits.address64:
            raise unsupported(opcode)
        _calling(
            e, library.family("memory.copy"), 3, -1, e.layout.memory(to), e.layout.memory(origin)
        )
        return
    segment: int = reader.u32() if opcode == _MEMORY_INIT else 0
    memory: int = reader.u32()
    limits = e.module.all_memories[memory].limits
    suffix = ".q" if limits.address64 else ""
    at = TYPE_I64 if limits.address64 else TYPE_I32
    place = e.layout.memory(memory)
    if opcode == _MEMORY_SIZE:
        if limits.page_size_log2 != 16:
            raise unsupported(opcode)
        e.apply(library.family(f"memory.size{suffix}"), 0, at, place, 0)
    elif opcode == _MEMORY_GROW:
        _calling(e, library.family(f"memory.grow{suffix}"), 1, at, place, memory)
    elif opcode == _MEMORY_INIT:
        family = library.family(f"memory.init{suffix}")
        _calling(e, family, 3, -1, place, e.layout.data(segment))
    else:
        _calling(e, library.family(f"memory.fill{suffix}"), 3, -1, place, 0)


def _table(e: Emitter, opcode: i64) -> None:
    reader = e.reader
    library = e.library
    if opcode == _ELEM_DROP:
        dropped: int = reader.u32()
        e.apply(library.family("elem.drop"), 0, -1, 0, e.layout.elem(dropped))
        return
    segment: int = reader.u32() if opcode == _TABLE_INIT else 0
    table: int = reader.u32()
    other: int = reader.u32() if opcode == _TABLE_COPY else table
    tables = e.module.all_tables
    if tables[table].limits.address64 or tables[other].limits.address64:
        raise unsupported(opcode)
    row = BY_SLOT[opcode]
    assert row is not None
    family = library.family(row.name)
    place = e.layout.table(table)
    if opcode == _TABLE_GET:
        e.mark()
        e.apply(family, 1, TYPE_I64, place, 0)
    elif opcode == _TABLE_SET:
        e.mark()
        e.apply(family, 2, -1, place, 0)
    elif opcode == _TABLE_SIZE:
        e.apply(family, 0, TYPE_I32, place, 0)
    elif opcode == _TABLE_GROW:
        _calling(e, family, 2, TYPE_I32, place, table)
    elif opcode == _TABLE_INIT:
        _calling(e, family, 3, -1, place, e.layout.elem(segment))
    elif opcode == _TABLE_COPY:
        _calling(e, family, 3, -1, place, e.layout.table(other))
    else:
        _calling(e, family, 3, -1, place, 0)


def _reference(e: Emitter, opcode: i64) -> None:
    reader = e.reader
    if opcode == _REF_NULL:
        reader.heaptype()
        e.push(TYPE_I64 << 4 | CONSTANT, 0)
    elif opcode == _REF_FUNC:
        index: int = reader.u32()
        name = "ref.func.i" if index < e.module.imported_funcs else "ref.func.d"
        e.apply(e.library.family(name), 0, TYPE_I64, e.layout.func(index), 0)
    elif opcode == _REF_IS_NULL:
        e.apply(e.library.family("ref.is_null"), 1, TYPE_I32, 0, 0)
    elif opcode == _REF_AS_NON_NULL:
        e.mark()
        e.apply(e.library.family("ref.as_non_null"), 1, TYPE_I64, 0, 0)
    else:
        raise unsupported(opcode)


def _lane(e: Emitter, opcode: i64) -> None:
    row = BY_SLOT[opcode]
    assert row is not None
    library = e.library
    count = library.arity[opcode]
    if row.family == "vextract_lane" or row.family == "vreplace_lane":
        family = library.family(f"{row.name}/{e.reader.byte()}")
        e.apply(family, count, library.result[opcode], 0, 0)
        return
    pos = e.reader.pos
    memarg_flags(e.reader)
    e.reader.u64()
    name = f"{row.name}/{e.reader.byte()}"
    end = e.reader.pos
    families = [library.find(name + suffix) for suffix in FORMS]
    e.reader.pos = pos
    _access(e, opcode, families, 0)
    e.reader.pos = end


def _shuffle(e: Emitter) -> None:
    e.vectors.append((e.reader.word64(), e.reader.word64()))
    e.push(TYPE_V128 << 4 | CONSTANT, len(e.vectors) - 1)
    e.apply(e.library.family("i8x16.shuffle"), 3, TYPE_V128, 0, 0)


def _wide(e: Emitter, opcode: i64) -> None:
    row = BY_SLOT[opcode]
    assert row is not None
    for i in range(e.height - e.library.arity[opcode], e.height):
        e.put(i)
    e.spill()
    e.apply(e.library.family(row.name), e.library.arity[opcode], TYPE_I64, 0, 0)
    e.push_register(TYPE_I64)
