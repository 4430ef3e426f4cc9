"""Every numeric instruction of the table against wasmtime, on operands where engines differ."""

import itertools
import struct

import pytest

from wasmwright.codegen.llvm.lower import Options
from wasmwright.isa import INSTRUCTIONS
from wasmwright.model.types import F32, F64, I32, I64

wasmtime = pytest.importorskip("wasmtime")

NAMES = {I32: "i32", I64: "i64", F32: "f32", F64: "f64"}
FAMILIES = ("unop", "binop", "testop", "relop", "cvtop")
ROWS = [row for row in INSTRUCTIONS if row.family in FAMILIES]
TRAPPING = [
    row
    for row in ROWS
    if row.name[:7] in ("i32.div", "i32.rem", "i64.div", "i64.rem")
    or row.name[4:].startswith("trunc_f")
]
TOTAL = [row for row in ROWS if row not in TRAPPING]
# Their results are the bits of an operand, whatever NaN it is.
BITWISE = ("abs", "neg", "copysign", "reinterpret_i32", "reinterpret_i64")
MODES = ((Options(), 0), (Options(), 2), (Options(precise_loads=False), 3))


def f32(value):
    return struct.unpack("<I", struct.pack("<f", value))[0]


def f64(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


FLOATS = (0.0, 1.0, 0.5, 1.5, 2.5, 3.75, 100.0, 16777217.0, float("inf"), 2.0**31, 2.0**32)
FLOATS += (2.0**63, 2.0**64, 2147483647.0, 2147483647.5, 2147483904.0, 4294967295.0)
F64S = [f64(x) for x in FLOATS]
F64S += [0x1, 0xFFFFFFFFFFFFF, 0x7FEFFFFFFFFFFFFF, 0x7FF8000000000000, 0x7FFC000000000001]
F64S += [0x7FF0000000000001, 0x7FF4000000000000, 0x41DFFFFFFFFFFFFF, 0x41E0000000200000]
F64S += [0x3FEFFFFFFFFFFFFF, 0x43E0000000000001, 0x43DFFFFFFFFFFFFF, 0x41EFFFFFFFFFFFFF]
F64S += [0x47EFFFFFE0000000, 0x47EFFFFFF0000000, 0x36A0000000000000, 0x3690000000000000]
F64S += [x ^ 1 << 63 for x in F64S]
F32S = [f32(x) for x in FLOATS]
F32S += [0x1, 0x7FFFFF, 0x7F7FFFFF, 0x7FC00000, 0x7FE00001, 0x7F800001, 0x7FA00000]
F32S += [0x4EFFFFFF, 0x4F000001, 0x3F7FFFFF, 0x5EFFFFFF, 0x5F7FFFFF, 0x5F000001]
F32S += [x ^ 1 << 31 for x in F32S]
I32S = [0, 1, 2, 7, 31, 32, 33, 100, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0x12345678, 0x7FFFFFFF]
I32S = [x - (1 << 32) if x >> 31 else x for x in (*I32S, *[~x & 0xFFFFFFFF for x in I32S])]
I64S = [*I32S, 63, 64, 65, 0x80000000, 0xFFFFFFFF, 0x123456789ABCDEF0, (1 << 63) - 1]
I64S += [~x for x in I64S]
OPERANDS = {I32: I32S, I64: sorted(set(I64S)), F32: F32S, F64: F64S}


def literal(valtype, value):
    """A constant as an operand, every bit of a NaN kept."""
    name = NAMES[valtype]
    if valtype in (I32, I64):
        return f"({name}.const {value})"
    integers, floats, bits, fraction = "<I", "<f", 32, 23
    if valtype == F64:
        integers, floats, bits, fraction = "<Q", "<d", 64, 52
    number = struct.unpack(floats, struct.pack(integers, value))[0]
    if number == number:
        return f"({name}.const {number.hex() if abs(number) != float('inf') else number})"
    sign = "-" if value >> (bits - 1) else ""
    return f"({name}.const {sign}nan:0x{value & (1 << fraction) - 1:x})"


def is_nan(valtype, bits):
    if valtype == F32:
        return bits & 0x7FFFFFFF > 0x7F800000
    return valtype == F64 and bits & (1 << 63) - 1 > 0x7FF << 52


def is_quiet_nan(valtype, bits):
    return is_nan(valtype, bits) and bool(bits & (1 << 22 if valtype == F32 else 1 << 51))


def check(row, expected, actual, shown):
    """That a result is wasmtime's, or any arithmetic NaN where it has a NaN."""
    result = row.results[0]
    if is_nan(result, expected) and row.name.split(".")[1] not in BITWISE:
        assert is_quiet_nan(result, actual), (row.name, [hex(x) for x in shown], hex(actual))
    else:
        assert actual == expected, (row.name, [hex(x) for x in shown], actual, expected)


def test_every_numeric_instruction_computes_what_wasmtime_does(batch):
    names = [batch.add(expression(row, row.params), row.params, row.results[0]) for row in TOTAL]
    batch.build(*MODES)
    for name, row in zip(names, TOTAL, strict=True):
        operands = list(itertools.product(*(OPERANDS[t] for t in row.params)))
        expected, *ours = batch.run(name, row.params, row.results[0], operands)
        for actual in ours:
            for want, have, shown in zip(expected, actual, operands, strict=True):
                check(row, want, have, shown)


def expression(row, params):
    return f"({row.name} {' '.join(f'{{{i}}}' for i in range(len(params)))})"


def test_constant_operands_are_not_folded_wrongly(batch):
    cases = []
    for row in TOTAL:
        for constants in itertools.product(*([None, *special(t)] for t in row.params)):
            params = [t for t, c in zip(row.params, constants, strict=True) if c is None]
            fixed = len(constants) - len(params)
            if fixed == 0 or (fixed == 2 and row.family == "relop"):
                continue
            flows = fixed == 1 and row.family != "relop" and row.results[0] in (F32, F64)
            for through_local in (False, True) if flows else (False,):
                name = with_constants(batch, row, constants, params, through_local)
                cases.append((name, row, constants, params))
    batch.build((Options(double_loops=False), 2))  # the folds are the same, LLVM faster
    for name, row, constants, params in cases:
        operands = list(itertools.product(*(OPERANDS[t] for t in params)))
        expected, *ours = batch.run(name, params, row.results[0], operands)
        for actual in ours:
            for want, have, values in zip(expected, actual, operands, strict=True):
                left = iter(values)
                shown = [c if c is not None else next(left) for c in constants]
                check(row, want, have, shown)


def special(valtype):
    """The constants that optimisers treat specially."""
    if valtype in (F32, F64):
        one, half = (f32(1.0), f32(0.5)) if valtype == F32 else (f64(1.0), f64(0.5))
        sign = 1 << 31 if valtype == F32 else 1 << 63
        nan = 0x7FA00000 if valtype == F32 else 0x7FF4000000000000
        return [0, sign, one, one | sign, half, nan]
    return [0, 1, -1]


def with_constants(batch, row, constants, params, through_local):
    """An expression some of whose operands are constants.

    Through a local that is set before a branch, a constant is no literal when it is used, but
    LLVM finds it.
    """
    operands, sets, locals_ = [], "", ""
    open_operands = iter(range(len(params)))
    for i, (valtype, constant) in enumerate(zip(row.params, constants, strict=True)):
        if constant is None:
            operands.append(f"{{{next(open_operands)}}}")
        elif through_local:
            locals_ += f"(local $c{i} {NAMES[valtype]})"
            sets += f"(local.set $c{i} {literal(valtype, constant)})"
            operands.append(f"(local.get $c{i})")
        else:
            operands.append(literal(valtype, constant))
    result = NAMES[row.results[0]]
    text = f"({row.name} {' '.join(operands)})"
    if sets:
        text = f"(block (result {result}) {sets} (block (br_if 0 (local.get $to))) {text})"
    return batch.add(text, params, row.results[0], locals_)


@pytest.mark.parametrize("level", [0, 2])
def test_what_traps_in_wasmtime_traps_here_at_the_same_place(native, oracle, level):
    functions = []
    for row in TRAPPING:
        params = [NAMES[t].replace("f", "i") for t in row.params]
        operands = [f"(local.get {i})" for i in range(len(params))]
        if row.params[0] in (F32, F64):  # as bits: wasmtime-py changes NaNs
            operands = [f"({NAMES[row.params[0]]}.reinterpret_{params[0]} {operands[0]})"]
        body = f"({row.name} {' '.join(operands)})"
        head = f'(export "{row.name}") (param {" ".join(params)}) (result {NAMES[row.results[0]]})'
        functions.append(f"(func {head} {body})")
    binary = bytes(wasmtime.wat2wasm(f"(module {''.join(functions)})"))
    machine, reference = native(binary, level=level), oracle(binary)
    for row in TRAPPING:
        step = 1 if len(row.params) == 1 else 3
        for args in itertools.product(*(OPERANDS[t][::step] + [0, -1] for t in row.params)):
            assert outcome(machine, row.name, args) == outcome(reference, row.name, args), args


def test_traps_know_their_instruction(whole, oracle):
    functions = []
    for row in TRAPPING:
        operands = " ".join(f"(local.get {i})" for i in range(len(row.params)))
        head = f'(export "{row.name}") (param {" ".join(NAMES[t] for t in row.params)})'
        functions.append(f"(func {head} (drop ({row.name} {operands})) nop)")
    binary = bytes(wasmtime.wat2wasm(f"(module {''.join(functions)})"))
    machine, reference = whole(binary), oracle(binary)
    for row in TRAPPING:
        wrong = (1, 0) if len(row.params) == 2 else (float("nan"),)
        places = []
        for engine in (machine, reference):
            with pytest.raises(Exception, match="divide|conversion") as caught:
                engine.call(row.name, *wrong)
            places.append(caught.value.offset)
        assert places[0] == places[1], row.name


def outcome(machine, name, args):
    try:
        return machine.call(name, *args)
    except Exception as error:
        if not hasattr(error, "kind"):
            raise
        return error.kind
