"""Every numeric instruction of the table against wasmtime, on operands where they differ."""

import itertools
import struct

import pytest

from wasmwright.isa import INSTRUCTIONS
from wasmwright.model.types import F32, F64, I32, I64

wasmtime = pytest.importorskip("wasmtime")

NAMES = {I32: "i32", I64: "i64", F32: "f32", F64: "f64"}
FAMILIES = ("unop", "binop", "testop", "relop", "cvtop")
ROWS = [row for row in INSTRUCTIONS if row.family in FAMILIES]
# Their results are the bits of an operand, whatever NaN it is.
BITWISE = ("abs", "neg", "copysign", "reinterpret_i32", "reinterpret_i64")


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


def parameter(valtype, index):
    """Floats go in as their bits: a call from Python would change a NaN."""
    text = f"(local.get {index})"
    if valtype in (F32, F64):
        return f"({NAMES[valtype]}.reinterpret_i{NAMES[valtype][1:]} {text})"
    return text


def bits_type(valtype):
    return NAMES[valtype].replace("f", "i")


def function(name, row, operands, params):
    """An export that applies the instruction; a float result as its bits."""
    result = row.results[0]
    body = f"({row.name} {' '.join(operands)})"
    if result in (F32, F64):
        body = f"({bits_type(result)}.reinterpret_{NAMES[result]} {body})"
    params = " ".join(bits_type(valtype) for valtype in params)
    return f'(func (export "{name}") (param {params}) (result {bits_type(result)}) {body})'


def literal(valtype, value):
    """A constant as an operand, every bit of a NaN kept."""
    if valtype in (F32, F64):
        width = NAMES[valtype][1:]
        exponent, payload = (
            (0x7F800000, 0x7FFFFF) if valtype == F32 else (0x7FF << 52, (1 << 52) - 1)
        )
        sign = "-" if value >> (int(width) - 1) else ""
        if value & exponent == exponent:
            number = f"nan:0x{value & payload:x}" if value & payload else "inf"
            return f"({NAMES[valtype]}.const {sign}{number})"
        form = "<I", "<f"
        if valtype == F64:
            form = "<Q", "<d"
        number = struct.unpack(form[1], struct.pack(form[0], value))[0]
        return f"({NAMES[valtype]}.const {number.hex()})"
    return f"({NAMES[valtype]}.const {value})"


def is_nan(valtype, bits):
    if valtype == F32:
        return bits & 0x7FFFFFFF > 0x7F800000
    return valtype == F64 and bits & (1 << 63) - 1 > 0x7FF << 52


def is_quiet(valtype, bits):
    return bool(bits & (1 << 22 if valtype == F32 else 1 << 51))


class Oracle:
    """A module in wasmtime; a trap is its message."""

    def __init__(self, binary):
        self.store = wasmtime.Store()
        module = wasmtime.Module(self.store.engine, binary)
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)

    def call(self, name, *args):
        try:
            return self.exports[name](self.store, *args)
        except wasmtime.Trap as trap:
            return trap.trap_code.name


TRAPS = {
    "integer divide by zero": "INTEGER_DIVISION_BY_ZERO",
    "integer overflow": "INTEGER_OVERFLOW",
    "invalid conversion to integer": "BAD_CONVERSION_TO_INTEGER",
}


def check(row, machine, oracle, name, args, shown):
    expected = oracle.call(name, *args)
    try:
        actual = machine.call(name, *args)[0]
    except Exception as error:
        if not hasattr(error, "kind"):
            raise
        actual = TRAPS[error.kind]
    result = row.results[0]
    text = f"{row.name} {[hex(x) for x in shown]}: {actual!r}, wasmtime has {expected!r}"
    if row.name.split(".")[1] not in BITWISE and not isinstance(expected, str):
        if is_nan(result, expected):
            assert not isinstance(actual, str), text
            assert is_nan(result, actual), text
            assert is_quiet(result, actual), text
            return
    assert actual == expected, text


@pytest.mark.parametrize("level", [0, 2])
def test_every_numeric_instruction_computes_what_wasmtime_does(native, level):
    functions = [
        function(row.name, row, [parameter(t, i) for i, t in enumerate(row.params)], row.params)
        for row in ROWS
    ]
    binary = bytes(wasmtime.wat2wasm("(module " + "\n".join(functions) + ")"))
    machine, oracle = native(binary, level=level), Oracle(binary)
    for row in ROWS:
        for args in itertools.product(*(OPERANDS[t] for t in row.params)):
            check(row, machine, oracle, row.name, args, args)


def special_constants(valtype):
    """The constants that optimisers treat specially."""
    values = OPERANDS[valtype]
    if valtype in (F32, F64):
        one, half = (f32(1.0), f32(0.5)) if valtype == F32 else (f64(1.0), f64(0.5))
        sign = 1 << 31 if valtype == F32 else 1 << 63
        nan = 0x7FA00000 if valtype == F32 else 0x7FF4000000000000
        return [0, sign, one, one | sign, half, nan]
    return [x for x in values if x in (0, 1, 2, -1, 33, -(1 << 31), -(1 << 63))]


def test_constant_operands_are_not_folded_wrongly(native):
    functions, cases = [], []
    for row in ROWS:
        for places in itertools.product((False, True), repeat=len(row.params)):
            if not any(places):
                continue
            choices = [
                special_constants(t) if constant else [None]
                for t, constant in zip(row.params, places, strict=True)
            ]
            for constants in itertools.product(*choices):
                for through_local in (False, True):
                    name = f"f{len(cases)}"
                    functions.append(with_constants(name, row, constants, through_local))
                    cases.append((name, row, constants))
    binary = bytes(wasmtime.wat2wasm("(module " + "\n".join(functions) + ")"))
    machine, oracle = native(binary), Oracle(binary)
    for name, row, constants in cases:
        open_types = [t for t, c in zip(row.params, constants, strict=True) if c is None]
        for args in itertools.product(*(OPERANDS[t][::3] + OPERANDS[t][1::3] for t in open_types)):
            left = iter(args)
            shown = [c if c is not None else next(left) for c in constants]
            check(row, machine, oracle, name, args, shown)


def with_constants(name, row, constants, through_local):
    """An export whose operands are constants but where they are None.

    Through a local that a loop may set, constants are no literals, but LLVM finds them.
    """
    operands, sets, locals_, params = [], [], [], []
    count = sum(c is None for c in constants)
    for valtype, constant in zip(row.params, constants, strict=True):
        if constant is None:
            operands.append(parameter(valtype, len(params)))
            params.append(valtype)
        elif through_local:
            index = count + len(locals_)
            locals_.append(f"(local {NAMES[valtype]})")
            sets.append(
                f"(local.set {index} {literal(valtype, constant)}) (block (br_if 0 (i32.const 0)))"
            )
            operands.append(f"(local.get {index})")
        else:
            operands.append(literal(valtype, constant))
    text = function(name, row, operands, params)
    head, _, body = text.partition(") (result ")
    result, _, body = body.partition(") ")
    return f"{head}) (result {result}) {' '.join(locals_ + sets)} {body}"
