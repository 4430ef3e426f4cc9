"""Every vector instruction of the table against wasmtime."""

import itertools
import random
import struct

import pytest

from wasmwright.codegen.llvm.lower import Options
from wasmwright.features import RELAXED_SIMD
from wasmwright.isa import INSTRUCTIONS
from wasmwright.isa.immediates import LANE, LANES
from wasmwright.model.types import F32, F64, I32, I64, V128

pytest.importorskip("wasmtime")

NAMES = {I32: "i32", I64: "i64", F32: "f32", F64: "f64"}
MEMORY_FAMILIES = ("vload", "vstore", "vload_lane", "vstore_lane")
ROWS = [
    row
    for row in INSTRUCTIONS
    if row.family[0] == "v"
    and row.family not in ("variable", "vconst", *MEMORY_FAMILIES)
    and row.feature != RELAXED_SIMD
]
RELAXED = [row for row in INSTRUCTIONS if row.feature == RELAXED_SIMD]
MODES = ((Options(), 0), (Options(), 2), (Options(precise_loads=False), 3))
LANE_COUNTS = {"i8x16": 16, "i16x8": 8, "i32x4": 4, "i64x2": 2, "f32x4": 4, "f64x2": 2}
BITWISE = ("abs", "neg", "pmin", "pmax", "splat", "replace_lane", "extract_lane")

FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1.5, -2.5, 1e10, -1e10, 2147483648.0, -2147483649.0)
FLOATS += (float("inf"), float("-inf"), 4294967295.0, 1e300, 1e-310, 3.75, -7.25)
F32_BITS = [
    struct.unpack("<I", struct.pack("<f", x if abs(x) < 1e38 or x - x else 0.0))[0]
    for x in FLOATS
    if abs(x) < 3e38 or x - x != 0
]
F32_BITS += [0x7FC00000, 0x7FA00000, 0xFFC00001, 0xFF800001, 1, 0x807FFFFF, 0x7F7FFFFF]
F64_BITS = [struct.unpack("<Q", struct.pack("<d", x))[0] for x in FLOATS]
F64_BITS += [0x7FF8000000000000, 0x7FF4000000000000, 0xFFF8000000000001, 0xFFF0000000000001, 1]
F64_BITS += [0x41DFFFFFFFC00000, 0x41E0000000000000, 0xC1E0000000200000, 0x47EFFFFFF0000000]


def vectors(count):
    """Vectors whose lanes, of every width, are the values where overflow and signs matter."""
    rng = random.Random(1)
    edges = {
        8: [0, 1, 2, 15, 16, 17, 0x7F, 0x80, 0x81, 0xFE, 0xFF],
        16: [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0x8001, 0xFF80, 0xFF7F, 0xFFFF],
        32: [0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFF7FFF, 0xFFFFFFFF],
        64: [0, 1, 0x7FFFFFFF, 0x80000000, (1 << 63) - 1, 1 << 63, (1 << 64) - 1],
    }
    edges[33], edges[65] = F32_BITS, F64_BITS
    result = [0, (1 << 128) - 1]
    while len(result) < count:
        kind = rng.choice([8, 16, 32, 64, 33, 33, 65, 65, 128])
        if kind == 128:
            result.append(rng.getrandbits(128))
            continue
        bits = kind & ~1
        value = 0
        for _ in range(128 // bits):
            value = value << bits | rng.choice(edges[kind])
        result.append(value)
    return result


VECTORS = vectors(400)
OPERANDS = {
    I32: [0, 1, 7, 8, 15, 31, 33, 63, 65, 0xFF, 0x8000, 0x7FFFFFFF, -1],
    I64: [0, 1, -1, 1 << 63, 0x123456789ABCDEF0],
    F32: F32_BITS,
    F64: F64_BITS,
    V128: VECTORS,
}


def operand_rows(row):
    if row.params == (V128, V128, V128):
        return list(zip(VECTORS, VECTORS[7:], VECTORS[13:], strict=False))
    if row.params == (V128, V128):
        shifted = VECTORS[1:] + VECTORS[:1]
        return list(itertools.chain(*(zip(VECTORS, shifted[i:], strict=False) for i in range(5))))
    if len(row.params) == 1:
        return [(x,) for x in OPERANDS[row.params[0]]]
    return list(itertools.product(VECTORS[::4], OPERANDS[row.params[1]]))


def immediates(row):
    """Choices of the row's immediates, as text."""
    if LANES in row.immediates:
        rng = random.Random(2)
        masks = [[rng.randrange(32) for _ in range(16)] for _ in range(8)]
        masks += [list(range(16)), list(range(8, 24)), [3] * 16, [i ^ 1 for i in range(16)]]
        return [" ".join(map(str, mask)) for mask in masks]
    if LANE in row.immediates:
        return [str(i) for i in range(LANE_COUNTS[row.name.partition(".")[0]])]
    return [""]


def is_float(row):
    return row.name[0] == "f" and row.name.split(".")[1] not in BITWISE


def nans_of(row, bits):
    """The result with each NaN lane made one number, if all of them are quiet."""
    prefix = row.name[:5]
    width = 32 if prefix[:3] == "f32" else 64
    exponent, quiet = (0x7F800000, 1 << 22) if width == 32 else (0x7FF << 52, 1 << 51)
    result = []
    for _ in range(128 // width if row.results[0] == V128 else 1):
        lane = bits & (1 << width) - 1
        bits >>= width
        if lane & (1 << width - 1) - 1 > exponent:
            lane = "nan" if lane & quiet else f"signalling {lane:x}"
        result.append(lane)
    return result


def run(batch, rows, modes, operands_of):
    cases = []
    for row in rows:
        for immediate in immediates(row):
            operands = " ".join(f"{{{i}}}" for i in range(len(row.params)))
            name = row.name
            if name.startswith("i32x4.relaxed_trunc_f64x2") and not name.endswith("zero"):
                name += "_zero"
            text = f"({name} {immediate} {operands})"
            cases.append((row, immediate, batch.add(text, row.params, row.results[0])))
    batch.build(*modes)
    for row, immediate, name in cases:
        operands = operands_of(row)
        expected, *ours = batch.run(name, row.params, row.results[0], operands)
        floats = is_float(row) and "eq ne lt gt le ge".find(row.name.split(".")[1]) < 0
        for mode, actual in zip(modes, ours, strict=True):
            for want, have, shown in zip(expected, actual, operands, strict=True):
                if floats:
                    want, have = nans_of(row, want), nans_of(row, have)
                assert have == want, (row.name, immediate, mode[1], [hex(x) for x in shown])


def test_every_vector_instruction_computes_what_wasmtime_does(batch):
    run(batch, ROWS, MODES, operand_rows)


def tame(row):
    """Operands for which a relaxed instruction has one result."""
    rng = random.Random(3)
    operands = []
    for _ in range(50):
        if row.name[0] == "f" or "trunc" in row.name:
            form = "<4f" if "f32x4" in row.name else "<2d"
            count = int(form[1])
            values = [
                int.from_bytes(
                    struct.pack(form, *(rng.randrange(1, 99) for _ in range(count))), "little"
                )
                for _ in row.params
            ]
        elif "laneselect" in row.name:
            mask = int.from_bytes(bytes(rng.choice((0, 255)) for _ in range(2)) * 8, "little")
            lane = int(row.name[1 : row.name.index("x")])
            mask = sum(rng.choice((0, (1 << lane) - 1)) << i for i in range(0, 128, lane))
            values = [rng.getrandbits(128), rng.getrandbits(128), mask]
        elif "swizzle" in row.name:
            values = [
                rng.getrandbits(128),
                int.from_bytes(bytes(rng.randrange(16) for _ in range(16)), "little"),
            ]
        else:
            small = bytes(rng.randrange(100) for _ in range(16))
            values = [int.from_bytes(rng.randbytes(16), "little") & ~0 for _ in row.params]
            values[1] = int.from_bytes(small, "little")
        operands.append(tuple(values))
    return operands


def test_relaxed_instructions_agree_where_they_must(batch):
    run(batch, RELAXED, MODES, tame)


@pytest.mark.parametrize("constant", ["1.0", "-1.0", "0.0", "-0.0", "0.5"])
def test_constant_vectors_leave_no_signalling_nan(batch, constant):
    cases = []
    for row in ROWS:
        shape, _, operation = row.name.partition(".")
        if shape[0] == "f" and operation in ("add", "sub", "mul", "div", "min", "max"):
            scalar = shape[:3]
            lanes = " ".join([constant] * LANE_COUNTS[shape])
            literal = f"(v128.const {shape} {lanes})"
            splat = f"({shape}.splat ({scalar}.const {constant}))"
            for text in (literal, splat):
                for left, right in (("{0}", text), (text, "{0}")):
                    cases.append((row, batch.add(f"({row.name} {left} {right})", [V128], V128)))
            local = (
                f"(block (result v128) (local.set $c {literal}) (block (br_if 0 (local.get $to)))"
            )
            for left, right in (("{0}", "(local.get $c)"), ("(local.get $c)", "{0}")):
                body = f"{local} ({row.name} {left} {right}))"
                cases.append((row, batch.add(body, [V128], V128, "(local $c v128)")))
    batch.build((Options(), 2))
    for row, name in cases:
        operands = [(x,) for x in VECTORS]
        expected, actual = batch.run(name, [V128], V128, operands)
        for want, have, shown in zip(expected, actual, operands, strict=True):
            assert nans_of(row, have) == nans_of(row, want), (row.name, constant, hex(shown[0]))
