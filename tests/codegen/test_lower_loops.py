"""Loops that are written twice do what they say, up to where they trap, and after it."""

import itertools
import random

import pytest

import wasmwright as ww
from wasmwright.binary.decode import decode
from wasmwright.codegen.abi import Layout
from wasmwright.codegen.llvm.lower import Options, lower_unit

wasmtime = pytest.importorskip("wasmtime")

PAGE = 65536
# Each is the body of a loop over $i, $n (a bound), $p and $q (addresses), and what goes on.
CONDITIONS = {
    "ne": "(br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))",
    "ne by 3": "(br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 3))) (local.get $n)))",
    "down to zero": "(br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))",
    "down by -2": "(br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -2))))",
    "lt_u": """(local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (local.get $n)))""",
    "lt_s by 5": """(local.set $i (i32.add (local.get $i) (i32.const 5)))
        (br_if $l (i32.lt_s (local.get $i) (local.get $n)))""",
    "le_s": """(local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.le_s (local.get $i) (local.get $n)))""",
    "le_u by 7": """(local.set $i (i32.add (local.get $i) (i32.const 7)))
        (br_if $l (i32.le_u (local.get $i) (local.get $n)))""",
    "gt_u": """(local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $l (i32.gt_u (local.get $n) (local.get $i)))""",
    "ge_s": """(local.set $n (i32.sub (local.get $n) (i32.const 2)))
        (br_if $l (i32.ge_s (local.get $n) (local.get $i)))""",
    "swapped": """(local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.gt_s (local.get $n) (local.get $i)))""",
    "eqz of ge": """(local.set $i (i32.add (local.get $i) (i32.const 2)))
        (br_if $l (i32.eqz (i32.ge_u (local.get $i) (local.get $n))))""",
    "both move": """(local.set $i (i32.add (local.get $i) (i32.const 1)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $l (i32.ne (local.get $i) (local.get $n)))""",
}
BODIES = {
    "fill": "(i32.store8 (i32.add (local.get $p) (local.get $i)) (i32.const 0xAB))",
    "copy": """(i32.store (local.get $p) (i32.load (local.get $q)))
        (local.set $p (i32.add (local.get $p) (i32.const 4)))
        (local.set $q (i32.add (local.get $q) (i32.const 4)))""",
    "backwards": """(local.set $p (i32.sub (local.get $p) (i32.const 8)))
        (i64.store offset=8 (local.get $p) (i64.const 0x1122334455667788))""",
    "two a round": """(i32.store16 (local.get $p) (local.get $i))
        (i32.store16 (i32.add (local.get $p) (i32.const 2)) (local.get $n))
        (local.set $p (i32.add (local.get $p) (i32.const 4)))""",
    "scaled": """(i32.store (i32.add (local.get $p) (i32.shl (local.get $i) (i32.const 2)))
        (i32.mul (local.get $i) (i32.load (i32.add (local.get $q) (i32.mul (local.get $i) (i32.const 4))))))""",
    "step in a local": """(i32.store8 (local.get $p) (local.get $i))
        (local.set $p (i32.add (local.get $p) (local.get $s)))""",
    "sum in one place": """(i32.store (i32.const 1000) (i32.add (i32.load (i32.const 1000))
        (i32.load8_u (local.get $q)))) (local.set $q (i32.add (local.get $q) (i32.const 1)))""",
    "condition inside": """(if (i32.and (local.get $i) (i32.const 1))
        (then (i32.store8 (local.get $p) (i32.const 7)))
        (else (i32.store8 offset=1 (local.get $p) (i32.const 9))))
        (local.set $p (i32.add (local.get $p) (i32.const 2)))""",
    "block inside": """(block $b (br_if $b (i32.and (local.get $i) (i32.const 3)))
        (i32.store8 (local.get $p) (i32.const 7)))
        (local.set $p (i32.add (local.get $p) (i32.const 1)))""",
    "overlapping": """(i32.store8 offset=3 (local.get $p) (i32.load8_u (local.get $p)))
        (local.set $p (i32.add (local.get $p) (i32.const 1)))""",
    "irregular": """(i32.store8 (local.get $p) (i32.const 1))
        (if (i32.and (local.get $i) (i32.const 4))
          (then (local.set $p (i32.add (local.get $p) (i32.const 1)))))""",
    "vectors": """(v128.store (local.get $p) (i8x16.add (v128.load (local.get $q))
        (i8x16.splat (local.get $i)))) (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (local.set $q (i32.add (local.get $q) (i32.const 16)))""",
}
# Loops that must be seen for what they are; the others may.
PLANNED = [(b, c) for b in BODIES for c in CONDITIONS if b != "irregular"]


def function(body, condition):
    return f"""(func (export "{body}/{condition}")
      (param $i i32) (param $n i32) (param $p i32) (param $q i32) (param $s i32) (result i32)
      (loop $l {BODIES[body]} {CONDITIONS[condition]})
      (i32.add (i32.mul (local.get $i) (i32.const 31))
        (i32.xor (local.get $n) (i32.add (local.get $p) (local.get $q)))))"""


@pytest.fixture(scope="module")
def binary():
    functions = "".join(function(b, c) for b, c in itertools.product(BODIES, CONDITIONS))
    data = "".join(f"\\{(i * 91 + 7) & 255:02x}" for i in range(4096))
    return bytes(
        wasmtime.wat2wasm(
            f'(module (memory (export "memory") 1) (data (i32.const 8) "{data}") {functions})'
        )
    )


def test_loops_with_steady_addresses_are_recognised(binary):
    module = decode(binary)
    for export in module.exports:
        if export.name == "memory":
            continue
        text = lower_unit(module, Layout(module), [export.index], Options())
        body, condition = export.name.split("/")
        if (body, condition) in PLANNED:
            assert "asm sideeffect" in text, export.name


def arguments(rng):
    """Rounds, few and many, and addresses inside, at the end of, and outside the memory."""
    start = rng.choice((0, 0, 1, -3, 100, 0x7FFFFFF0, -0x80000000))
    rounds = rng.choice((0, 1, 5, 8, 9, 30, 100, 105, 300, 1000))
    end = (start + rounds * rng.choice((1, 1, 2, 3, 5, 7)) + (1 << 31)) % (1 << 32) - (1 << 31)
    places = (0, 64, 2000, 3000, PAGE - 300, PAGE - 8, PAGE - 1, PAGE, -4, -100, 40000)
    return start, end, rng.choice(places), rng.choice(places), rng.choice((1, 3, -1, 16, 0))


def outcome(function, memory, args):
    try:
        result = function(*args)
    except ww.Trap as trap:
        result = trap.kind
    except wasmtime.Trap as trap:
        result = trap.message
        if "out of bounds memory access" in result:
            result = "out of bounds memory access"
    return result, hash(bytes(memory()))


@pytest.mark.parametrize("guard", [True, False])
def test_loops_do_what_wasmtime_does_to_memory_and_up_to_the_trap(binary, guard):
    engine = wasmtime.Engine()
    reference_module = wasmtime.Module(engine, binary)
    module = ww.Module(binary, guard=guard)
    module.compile()
    rng = random.Random(4)
    for body, condition in itertools.product(BODIES, CONDITIONS):
        name = f"{body}/{condition}"
        store = wasmtime.Store(engine)
        reference = wasmtime.Instance(store, reference_module, []).exports(store)
        instance = ww.Instance(module)
        memory = instance.exports.memory
        for _ in range(12):
            args = arguments(rng)
            if too_long(condition, args):
                continue
            want = outcome(
                lambda *args, f=reference[name]: f(store, *args),
                lambda: reference["memory"].read(store, 0, PAGE),
                args,
            )
            have = outcome(getattr(instance.exports, name), lambda: memory[0:PAGE], args)
            assert have == want, (name, args)


def too_long(condition, args):
    """Whether the loop might go round all of 2^32 without a trap."""
    rounds = args[1] - args[0]
    if condition.startswith("down"):
        return args[1] <= 0 or (args[1] > 2000 or args[1] % 2 == 1)
    if condition == "ne by 3":
        return rounds <= 0 or rounds % 3 != 0
    return rounds <= 0 or (condition == "both move" and rounds % 2 == 1)
