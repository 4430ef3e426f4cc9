"""Blocks, branches and what they carry, against wasmtime."""

import itertools

import pytest

from wasmwright.codegen.llvm import lower
from wasmwright.codegen.llvm.lower import Options, Unsupported
from wasmwright.isa import slot

wasmtime = pytest.importorskip("wasmtime")

# Every function takes two i32; each is called with all pairs of ARGUMENTS.
ARGUMENTS = (0, 1, 2, 3, 5, 100, -1)
FUNCTIONS = {
    "if without else": """(result i32) (local i32)
        (if (local.get 0) (then (local.set 2 (i32.const 7)))) (local.get 2)""",
    "if with params and results": """(result i32)
        (local.get 0) (local.get 1)
        (if (param i32) (result i32 i32) (i32.eqz (local.get 1))
          (then (i32.const 5)) (else (local.get 0)))
        i32.add i32.add""",
    "if without else passes its params": """(result i32 i32)
        (local.get 0) (local.get 1)
        (if (param i32 i32) (result i32 i32) (i32.lt_s (local.get 0) (i32.const 3))
          (then drop drop (i32.const 1) (i32.const 2)))""",
    "loop with params": """(result i32)
        (i32.const 1) (i32.const 0)
        (loop $l (param i32 i32) (result i32)
          (local.set 1) (i32.mul (local.tee 0 (i32.add (local.get 0) (i32.const 1))))
          (local.get 1) (i32.const 1) (i32.add)
          (br_if $l (i32.lt_u (local.get 1) (i32.const 5)))
          i32.add)""",
    "br carries several": """(result i32 i64 f64)
        (block (result i32 i64 f64)
          (i32.const 1) (i64.const 2) (f64.const 3)
          (br_if 0 (local.get 0))
          drop drop drop
          (i32.const 4) (i64.const 5) (f64.const 6)
          (br_if 1 (local.get 1))
          drop drop drop
          (return (i32.const 7) (i64.const 8) (f64.const 9)))""",
    "br_table": """(result i32)
        (block (block (block (block (br_table 0 1 1 2 3 0 (local.get 0)))
          (return (i32.const 10))) (return (i32.const 11))) (return (i32.const 12)))
        (i32.const 13)""",
    "br_table carries": """(result i32 i32)
        (block (result i32 i32) (block (result i32 i32) (block (result i32 i32)
          (i32.const 20) (local.get 1)
          (br_table 2 0 1 2 0 (local.get 0)))
          (i32.const 1) i32.add) (i32.const 2) i32.mul)""",
    "br_table to a loop": """(result i32)
        (local.get 1)
        (loop $l (param i32) (result i32)
          (local.set 1)
          (local.set 0 (i32.add (local.get 0) (i32.const 1)))
          (block $out (result i32)
            (i32.add (local.get 1) (local.get 0))
            (br_table $l $l $l $out (local.get 0))))""",
    "dead code": """(result i32)
        (block $out (result i32)
          (br $out (local.get 0))
          (if (then (br 1 (i32.const 1)) unreachable) (else (loop (br 0))))
          (block (br_table 0 0 (i32.const 1)) drop)
          i32.add (select) (i64.const 1) drop (call $callee) (f32.const 0) drop drop
          (return) (local.set 0) (loop (result i32) (i32.const 1)) (drop) (i32.const 3))""",
    "dead then": """(result i32)
        (if (result i32) (local.get 0) (then (return (i32.const 5))) (else (local.get 1)))""",
    "dead else": """(result i32)
        (if (result i32) (local.get 0) (then (local.get 1)) (else (return (i32.const 5))))""",
    "both dead": """(result i32)
        (if (local.get 0) (then (return (i32.const 5))) (else (return (i32.const 6))))
        unreachable""",
    "unreachable": """(result i32)
        (if (i32.eq (local.get 0) (local.get 1)) (then unreachable)) (i32.const 3)""",
    "endless loop is left by return": """(result i32)
        (loop (local.set 0 (i32.add (local.get 0) (i32.const 1)))
          (if (i32.gt_s (local.get 0) (i32.const 1000)) (then (return (local.get 0))))
          (br 0))
        unreachable""",
    "locals over joins": """(result i32) (local i32 i32)
        (local.set 2 (i32.const 1))
        (block (local.set 3 (local.get 2)) (br_if 0 (local.get 0)) (local.set 2 (i32.const 5)))
        (if (local.get 1)
          (then (local.set 3 (i32.add (local.get 2) (i32.const 10))))
          (else (local.set 2 (i32.add (local.get 3) (i32.const 100)))))
        (i32.mul (local.get 2) (i32.add (local.get 3) (i32.const 1000)))""",
    "operands below a block stay": """(result i32)
        (local.get 0) (i32.lt_s (local.get 0) (local.get 1))
        (block (br_if 0 (local.get 1)) (local.set 0 (i32.const 50)))
        (local.get 0) i32.add i32.add""",
    "select": """(result i32 i64 f32)
        (select (local.get 0) (i32.const 9) (i32.lt_u (local.get 1) (local.get 0)))
        (select (result i64) (i64.const 1) (i64.const 2) (local.get 0))
        (select (f32.const 1) (f32.const 2) (local.get 1))""",
    "comparisons as numbers": """(result i32)
        (i32.eqz (i32.eqz (i32.eqz (local.get 0))))
        (i32.lt_s (local.get 0) (local.get 1)) (i32.add)
        (local.tee 0 (i32.eq (local.get 0) (local.get 1))) (i32.add) (local.get 0) (i32.add)""",
    "recursion": """(result i32)
        (if (result i32) (i32.le_s (local.get 0) (i32.const 1)) (then (i32.const 1))
          (else (i32.mul (local.get 0) (call $recursion
            (i32.sub (select (local.get 0) (i32.const 9) (i32.lt_s (local.get 0) (i32.const 9)))
              (i32.const 1)) (local.get 1)))))""",
    "tail recursion": """(result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (local.get 1))
          (else (return_call $tail_recursion
            (i32.shr_u (local.get 0) (i32.const 1)) (i32.add (local.get 1) (i32.const 1)))))""",
    "calls with several results": """(result i32 i32)
        (call $callee (local.get 0) (local.get 1)) (drop)
        (call $callee (local.get 1) (local.get 0)) (i32.wrap_i64) (i32.add)""",
    "tail call with many results": """(result i32 i32 i32 i32 i64 f64)
        (return_call $many (local.get 0) (local.get 1))""",
}
CALLEES = """
  (func $callee (param i32 i32) (result i32 i64)
    (i32.sub (local.get 0) (local.get 1)) (i64.extend_i32_s (local.get 1)))
  (func $many (param i32 i32) (result i32 i32 i32 i32 i64 f64)
    (local.get 0) (local.get 1) (i32.const 3) (i32.const 4) (i64.const 5) (f64.const 6))
"""


@pytest.fixture(scope="module")
def binary():
    functions = "".join(
        f'(func ${name.replace(" ", "_")} (export "{name}") (param i32 i32) {body})'
        for name, body in FUNCTIONS.items()
    )
    return bytes(wasmtime.wat2wasm(f"(module {functions} {CALLEES})"))


@pytest.mark.parametrize("level", [0, 2])
def test_control_does_what_wasmtime_does(native, oracle, binary, level):
    machine, reference = native(binary, level=level), oracle(binary)
    for name, args in itertools.product(FUNCTIONS, itertools.product(ARGUMENTS, repeat=2)):
        if name in ("recursion", "tail recursion") and args[0] < 0:
            continue
        assert outcome(machine, name, args) == outcome(reference, name, args), (name, args)


def outcome(machine, name, args):
    try:
        return [x if isinstance(x, int) else as_bits(x) for x in machine.call(name, *args)]
    except Exception as error:
        if not hasattr(error, "kind"):
            raise
        return error.kind  # wasmtime moves an ``unreachable`` to the branch before it


def as_bits(value):
    """A float of wasmtime's as ours are: f32 and f64 of small whole numbers tell themselves."""
    import struct

    return (
        struct.unpack("<I", struct.pack("<f", value))[0]
        if value in (1.0, 2.0)
        else struct.unpack("<Q", struct.pack("<d", value))[0]
    )


def test_an_instruction_without_a_lowering_is_named(native):
    popcnt = slot("i32.popcnt")
    handler = lower._HANDLERS[popcnt]
    binary = bytes(wasmtime.wat2wasm("(module (func (drop (i32.popcnt (i32.const 1)))))"))
    lower._HANDLERS[popcnt] = 0
    try:
        with pytest.raises(Unsupported, match=r"i32\.popcnt"):
            native(binary)
    finally:
        lower._HANDLERS[popcnt] = handler


def test_lowering_is_linear_in_size_and_depth(native):
    depth = 20_000
    nested = "block " * depth + "br 5 " + "end " * depth
    targets = " ".join(["1"] * 30_000 + ["0"])
    locals_ = "(local " + "i32 " * 40_000 + ")"
    text = f"""(module
      (func {nested})
      (func (block (block (br_table {targets} (i32.const 3)))))
      (func (result i32) {locals_} (local.get 39999))
      (func (export "f") (result i32) {"(i32.const 1) " * 3000} {"i32.add " * 2999}))"""
    machine = native(bytes(wasmtime.wat2wasm(text)), Options(), level=0)
    assert machine.call("f") == [3000]
