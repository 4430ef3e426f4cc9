"""Every load and store of the table, and the bulk instructions, against wasmtime."""

import itertools

import pytest

import wasmwright as ww
from wasmwright.codegen.llvm.lower import Options
from wasmwright.isa import INSTRUCTIONS
from wasmwright.model.types import F32, F64, I32, I64, V128

wasmtime = pytest.importorskip("wasmtime")

NAMES = {I32: "i32", I64: "i64", F32: "f32", F64: "f64", V128: "v128"}
LOADS = [row for row in INSTRUCTIONS if row.family in ("load", "vload", "vload_lane")]
STORES = [row for row in INSTRUCTIONS if row.family in ("store", "vstore", "vstore_lane")]
PAGE = 65536
VALUES = {
    I32: "(i32.const 0x89abcdef)",
    I64: "(i64.const 0x8123456789abcdef)",
    F32: "(f32.const nan:0x200001)",
    F64: "(f64.const -nan:0x4000000000001)",
    V128: "(v128.const i32x4 0x80112233 0x84556677 0x8899aabb 0xccddeeff)",
}
MODES = [(guard, level) for guard in (True, False) for level in (0, 2)]


def accesses():
    """An export for each load and store, offset and lane; what it takes and leaves is in memory."""
    functions, names = [], []
    for row in LOADS + STORES:
        lane = " 1" if row.family.endswith("lane") and "64" not in row.name else ""
        if row.family.endswith("lane") and not lane:
            lane = " 0"
        for offset in ("", "offset=1 ", "offset=65529 "):
            name = f"{row.name} {offset}"
            names.append(name)
            operands = "(local.get 0)"
            if row in STORES or row.family == "vload_lane":
                operands += " " + VALUES[row.params[1]]
            text = f"({row.name} {offset}{lane} {operands})"
            if row in LOADS:
                kind = NAMES[row.results[0]]
                text = f"({kind}.store (i32.const 65600) {text})"
            functions.append(f'(func (export "{name}") (param i32) {text})')
    data = "".join(f"\\{(i * 37 + 129) & 255:02x}" for i in range(256))
    fill = f'(data (i32.const 0) "{data}") (data (i32.const 65408) "{data}")'
    text = f'(module (memory (export "memory") 2) {fill} {"".join(functions)})'
    return bytes(wasmtime.wat2wasm(text)), names


def start(machine, reference):
    """Give our machine, which has no segments, wasmtime's memory."""
    content = bytes(reference.memory.read(reference.store, 0, 2 * PAGE))
    machine.memories[0][: 2 * PAGE] = content


@pytest.mark.parametrize(("guard", "level"), MODES)
def test_loads_and_stores_do_what_wasmtime_does(native, oracle, guard, level):
    binary, names = accesses()
    machine, reference = native(binary, Options(guard=guard), level), oracle(binary)
    reference.memory = reference.exports["memory"]
    start(machine, reference)
    inside = (0, 1, 3, 100)
    for name, address in itertools.product(names, inside):
        machine.call(name, address)
        reference.call(name, address)
        after = bytes(reference.memory.read(reference.store, 0, 2 * PAGE))
        assert machine.memories[0][: 2 * PAGE] == after, (name, address)


def test_explicit_checks_trap_where_wasmtime_does(native, oracle):
    binary, names = accesses()
    machine, reference = native(binary, Options(guard=False)), oracle(binary)
    edges = [2 * PAGE - i for i in range(20)] + [65560, 65550, -1, -8, -65530, 1 << 31]
    for name, address in itertools.product(names, edges):
        assert trap(machine, name, address) == trap(reference, name, address), (name, address)


@pytest.mark.parametrize("guard", [True, False])
def test_traps_know_their_instruction(whole, oracle, guard):
    binary, names = accesses()
    machine, reference = whole(binary, guard), oracle(binary)
    for name in names:
        assert place(machine, name, 2 * PAGE) == place(reference, name, 2 * PAGE), name


def place(machine, name, *args):
    """The offset of the instruction that traps."""
    with pytest.raises(Exception, match="out of bounds") as caught:
        machine.call(name, *args)
    return caught.value.offset


def trap(machine, name, *args):
    try:
        return machine.call(name, *args)
    except Exception as error:
        if not hasattr(error, "kind"):
            raise
        return error.kind


BULK = """
(module (memory (export "memory") 2) (memory $other 1)
  (data $d "0123456789abcdef")
  (func (export "fill") (param i32 i32 i32)
    (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "across") (param i32 i32 i32)
    (memory.copy 0 $other (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32)
    (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
  (func (export "drop") (param i32 i32 i32) (data.drop $d))
  (func (export "size") (param i32 i32 i32) (result i32) (memory.size)))
"""


@pytest.mark.parametrize("guard", [True, False])
def test_bulk_instructions_do_what_wasmtime_does(native, oracle, guard):
    binary = bytes(wasmtime.wat2wasm(BULK))
    machine, reference = native(binary, Options(guard=guard)), oracle(binary)
    reference.memory = reference.exports["memory"]
    machine.set_data(0, b"0123456789abcdef")
    calls = [
        ("size", 0, 0, 0),
        ("init", 10, 3, 5),
        ("init", 131068, 0, 4),
        ("init", 131068, 0, 5),
        ("init", 0, 13, 4),
        ("init", 0, -1, 2),
        ("fill", 100, 0x1AB, 1000),
        ("fill", 131072, 1, 0),
        ("fill", 131073, 1, 0),
        ("fill", 131000, 7, 73),
        ("fill", 131000, 7, 72),
        ("fill", -1, 7, 2),
        ("copy", 105, 100, 1000),
        ("copy", 2, 7, 1000),
        ("copy", 130072, 0, 1001),
        ("copy", 0, 130072, 1000),
        ("copy", 0, 130073, 1000),
        ("copy", 0, -1, 0),
        ("copy", 0, 1, -1),
        ("across", 0, 0, 65536),
        ("across", 0, 1, 65536),
        ("drop", 0, 0, 0),
        ("init", 10, 0, 0),
        ("init", 10, 0, 1),
    ]
    for call in calls:
        assert trap(machine, *call) == trap(reference, *call), call
        after = bytes(reference.memory.read(reference.store, 0, 2 * PAGE))
        assert machine.memories[0][: 2 * PAGE] == after, call


MEMORY64 = """
(module (memory (export "memory") i64 1)
  (func (export "near") (param i64) (result i64) (i64.load (local.get 0)))
  (func (export "far") (param i64) (result i64)
    (i64.load offset=0xfffffffffffffff0 (local.get 0)))
  (func (export "end") (param i64) (result i64)
    (i64.load offset=0xffffffffffffffff (local.get 0)))
  (func (export "store") (param i64) (result i64)
    (i64.store offset=8 (local.get 0) (i64.const 77)) (i64.load offset=8 (local.get 0)))
  (func (export "fill") (param i64) (result i64)
    (memory.fill (local.get 0) (i32.const 3) (local.get 0)) (memory.size)))
"""


def test_addresses_of_64_bits_do_not_wrap(native, oracle):
    binary = bytes(wasmtime.wat2wasm(MEMORY64))
    machine, reference = native(binary), oracle(binary)
    addresses = (0, 8, 65520, 65528, 65529, 65536, 1 << 32, 1 << 63, -1, -8, -16, 16, 32)
    for name, address in itertools.product(("near", "far", "end", "store", "fill"), addresses):
        assert trap(machine, name, address) == trap(reference, name, address), (name, address)


EFFECTS = """
(module (memory (export "memory") 1) (global $g (export "global") (mut i32) (i32.const 0))
  (table $t (export "table") 2 funcref) (elem declare func $f) (func $f)
  (func (export "dead load") (param i32) (drop (i32.load (local.get 0))))
  (func (export "store") (param i32)
    (i32.store (i32.const 8) (i32.const 1)) (drop (i32.load (local.get 0)))
    (i32.store (i32.const 8) (i32.const 2)))
  (func (export "global set") (param i32)
    (global.set $g (i32.const 1)) (drop (i32.load (local.get 0))) (global.set $g (i32.const 2)))
  (func (export "table set") (param i32)
    (table.set (i32.const 0) (ref.func $f)) (drop (i64.load (local.get 0)))
    (table.set (i32.const 0) (ref.null func)))
  (func (export "fill") (param i32)
    (memory.fill (i32.const 16) (i32.const 1) (i32.const 64)) (drop (i32.load (local.get 0)))
    (memory.fill (i32.const 16) (i32.const 2) (i32.const 64)))
  (func (export "loop") (param i32) (local i32)
    (loop (i32.store (i32.const 100) (local.tee 1 (i32.add (local.get 1) (i32.const 1))))
      (drop (i32.load8_u (local.get 0)))
      (br_if 0 (local.tee 0 (i32.add (local.get 0) (i32.const 1))))))
  (func (export "behind a loop") (param i32) (local i32)
    (loop (i32.store (local.get 1) (i32.const 7))
      (br_if 0 (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 4))) (i32.const 400))))
    (drop (i32.load (local.get 0)))
    (memory.fill (i32.const 0) (i32.const 3) (i32.const 400)))
  (func (export "in front of a loop") (param i32) (local i32)
    (memory.fill (i32.const 0) (i32.const 3) (i32.const 400))
    (drop (i32.load (local.get 0)))
    (loop (i32.store (local.get 1) (i32.const 7))
      (br_if 0 (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 4))) (i32.const 400))))))
"""


@pytest.mark.parametrize("guard", [True, False])
def test_what_a_trap_finds_done_is_what_stands_before_it(guard):
    binary = bytes(wasmtime.wat2wasm(EFFECTS))
    module = ww.Module(binary, guard=guard)
    module.compile()
    for export in module.exports:
        if export.kind != "func":
            continue
        exports = ww.Instance(module).exports
        with pytest.raises(ww.Trap, match="out of bounds memory access"):
            exports[export.name](65530 if export.name == "loop" else 65533)
        word = int.from_bytes(exports.memory[8:12], "little")
        assert exports.memory[100:104] in (b"\0" * 4, b"\7\0\0\0", b"\3" * 4), export.name
        assert word == {"store": 1, "behind a loop": 7, "in front of a loop": 0x3030303}.get(
            export.name, 0
        )
        assert exports.memory[16] == {"fill": 1, "behind a loop": 7, "in front of a loop": 3}.get(
            export.name, 0
        )
        assert exports["global"].value == (export.name == "global set")
        assert (exports.table[0] is not None) == (export.name == "table set")
