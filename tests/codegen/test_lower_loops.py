"""Loops that are written twice do what they say, up to where they trap, and after it."""

import itertools
import operator
import random
import re
from array import array

import pytest

import wasmwright as ww
from wasmwright.binary.decode import decode
from wasmwright.codegen.abi import Layout
from wasmwright.codegen.llvm.lower import Options, lower_unit

wasmtime = pytest.importorskip("wasmtime")

PAGE = 65536
# Each body and each condition make a loop over $i, $n (a bound), $p, $q (addresses) and $s.
I_PLUS = "(local.set $i (i32.add (local.get $i) (i32.const {})))"
N_PLUS = "(local.set $n (i32.add (local.get $n) (i32.const {})))"
# By name: what $i and $n change by, the relation to go on, and whether $n comes first in it.
STEPS = {
    "ne": (1, 0, "ne", False),
    "ne by 3": (3, 0, "ne", False),
    "down by -2": (0, -2, "ne", False),
    "lt_u": (1, 0, "lt_u", False),
    "lt_s by 5": (5, 0, "lt_s", False),
    "le_s": (1, 0, "le_s", False),
    "le_u by 7": (7, 0, "le_u", False),
    "gt_u down": (0, -1, "gt_u", True),
    "ge_s down by 2": (0, -2, "ge_s", True),
    "gt_s swapped": (1, 0, "gt_s", True),
    "both move": (1, -1, "ne", False),
}
OTHER = {
    "down to zero": "(br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))",
    "eqz of ge": f"""{I_PLUS.format(2)}
        (br_if $l (i32.eqz (i32.ge_u (local.get $i) (local.get $n))))""",
    "tee": """(br_if $l (i32.ne (local.get $n)
        (local.tee $i (i32.add (local.get $i) (i32.const 1)))))""",
}


def condition_text(i_step, n_step, relation, swapped):
    text = I_PLUS.format(i_step) if i_step else ""
    text += N_PLUS.format(n_step) if n_step else ""
    operands = "(local.get $i) (local.get $n)"
    if swapped:
        operands = "(local.get $n) (local.get $i)"
    return text, f"(i32.{relation} {operands})"


def loops():
    """Each condition's loop around BODY: at the end of a round, and in two ways before it."""
    for name, text in OTHER.items():
        yield name, f"(loop $l BODY {text})"
    for name, steps in STEPS.items():
        change, condition = condition_text(*steps)
        yield name, f"(loop $l BODY {change} (br_if $l {condition}))"
        away = f"(br_if $out (i32.eqz {condition}))"
        yield f"{name} {HEAD}", f"(block $out (loop $l {away} BODY {change} (br $l)))"
        yield f"{name} {IF}", f"(loop $l (if {condition} (then BODY {change} (br $l))))"


HEAD, IF = "at the head", "in an if"
CONDITIONS = dict(loops())
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
        (i32.mul (local.get $i) (i32.load
          (i32.add (local.get $q) (i32.mul (local.get $i) (i32.const 4))))))""",
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
    "carried": """(i32.store (local.get $p) (i32.add (i32.sub (local.get $s)
          (i32.load (local.get $q))) (local.tee $s (i32.load offset=4 (local.get $q)))))
        (local.set $p (i32.add (local.get $p) (i32.const 4)))
        (local.set $q (i32.add (local.get $q) (i32.const 4)))""",
    "carried bytes, down": """(i32.store (local.get $p) (local.get $s))
        (i32.store offset=4 (local.get $p) (i32.add (local.tee $s (i32.load8_s (local.get $q)))
          (i32.load8_u offset=1 (local.get $q))))
        (local.set $p (i32.add (local.get $p) (i32.const 8)))
        (local.set $q (i32.sub (local.get $q) (i32.const 1)))""",
    "carried floats": """(f64.store (local.get $p) (f64.add (local.get $f)
          (f64.load (local.get $q))))
        (f64.store offset=8 (local.get $p) (local.tee $f (f64.load offset=16 (local.get $q))))
        (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (local.set $q (i32.add (local.get $q) (i32.const 16)))""",
}
STEP = """(local.set $p (i32.add (local.get $p) (i32.const {0})))
    (local.set $q (i32.add (local.get $q) (i32.const {0})))"""
# Rounds that are copies of a shorter one; how many.
COPIES = {
    "copies": (
        4,
        "".join(
            f"""(i32.store offset={4 * k} (local.get $p) (i32.mul (i32.const 3)
        (i32.load offset={4 * k} (local.get $q))))"""
            for k in range(4)
        )
        + STEP.format(16),
    ),
    "copies backwards": (
        3,
        "".join(
            f"""(i32.store16 offset={4 - 2 * k} (local.get $p)
        (i32.load16_s offset={4 - 2 * k} (local.get $q)))"""
            for k in range(3)
        )
        + STEP.format(-6),
    ),
    "copies, the last first": (
        2,
        """
        (i64.store offset=8 (local.get $p) (i64.load offset=8 (local.get $q)))
        (i64.store (local.get $p) (i64.load (local.get $q)))"""
        + STEP.format(16),
    ),
    "copies of two stores": (
        2,
        """
        (i32.store (local.get $p) (i32.load (local.get $q)))
        (i32.store8 offset=4 (local.get $p) (i32.const 77))
        (i32.store offset=8 (local.get $p) (i32.load offset=4 (local.get $q)))
        (i32.store8 offset=12 (local.get $p) (i32.const 77))
        (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (local.set $q (i32.add (local.get $q) (i32.const 8)))""",
    ),
    "copies that count": (
        2,
        """
        (i32.store (local.get $p) (i32.add (local.get $p) (i32.load8_u (local.get $q))))
        (i32.store offset=4 (local.get $p) (i32.add (i32.load8_u offset=4 (local.get $q))
          (i32.add (local.get $p) (i32.const 4))))"""
        + STEP.format(8),
    ),
    "copies that read what they wrote": (
        2,
        """
        (i32.store offset=4 (local.get $p) (i32.add (i32.load (local.get $p)) (i32.const 1)))
        (i32.store offset=8 (local.get $p) (i32.add (i32.load offset=4 (local.get $p))
          (i32.const 1)))"""
        + STEP.format(8),
    ),
    "copies that overlap": (
        2,
        """
        (i32.store (local.get $p) (i32.const 0x11223344))
        (i32.store offset=2 (local.get $p) (i32.const 0x11223344))"""
        + STEP.format(4),
    ),
    "copies in place": (
        2,
        """
        (local.set $s (i32.load offset=4 (local.get $p)))
        (i32.store (local.get $p) (i32.xor (i32.load (local.get $p)) (i32.load (local.get $q))))
        (i32.store offset=4 (local.get $p) (i32.xor (i32.load offset=4 (local.get $q))
          (local.get $s)))"""
        + STEP.format(8),
    ),
    "copies, carried": (
        2,
        """
        (f64.store (local.get $p) (f64.add (f64.add (f64.load (local.get $q)) (local.get $f))
          (local.tee $f (f64.load offset=16 (local.get $q)))))
        (f64.store offset=8 (local.get $p) (f64.add (f64.add (local.get $f)
          (f64.load offset=8 (local.get $q))) (local.tee $f (f64.load offset=24 (local.get $q)))))"""
        + STEP.format(16),
    ),
    "copies, carried numbers": (
        2,
        """
        (i32.store (local.get $p) (i32.sub (i32.load offset=4 (local.get $q)) (local.get $s)))
        (i32.store offset=4 (local.get $p) (i32.sub (local.tee $s (i32.load offset=8 (local.get $q)))
          (i32.load offset=4 (local.get $q))))"""
        + STEP.format(8),
    ),
}
# Rounds that nearly are; why not.
NO_COPIES = {
    "a load before the other copy's store": """
        (local.set $s (i32.load offset=4 (local.get $p)))
        (i32.store offset=4 (local.get $p) (i32.load (local.get $p)))
        (i32.store offset=8 (local.get $p) (local.get $s))"""
    + STEP.format(8),
    "another place": """
        (i32.store (local.get $p) (i32.load (local.get $q)))
        (i32.store offset=4 (local.get $p) (i32.load offset=8 (local.get $q)))"""
    + STEP.format(8),
    "another operation": """
        (i32.store (local.get $p) (i32.load16_s (local.get $q)))
        (i32.store offset=4 (local.get $p) (i32.load16_u offset=4 (local.get $q)))"""
    + STEP.format(8),
    "operands the other way round": """
        (i32.store (local.get $p) (i32.sub (local.get $n) (i32.load (local.get $q))))
        (i32.store offset=4 (local.get $p) (i32.sub (i32.load offset=4 (local.get $q))
          (local.get $n)))"""
    + STEP.format(8),
    "another constant": """
        (f32.store (local.get $p) (f32.const 0))
        (f32.store offset=4 (local.get $p) (f32.const -0))"""
    + STEP.format(8),
    "stores that overlap, the last first": """
        (i32.store offset=2 (local.get $p) (i32.const 0x11223344))
        (i32.store (local.get $p) (i32.const 0x11223344))"""
    + STEP.format(4),
    "a hole": """
        (i32.store (local.get $p) (i32.const 5))
        (i32.store offset=4 (local.get $p) (i32.const 5))"""
    + STEP.format(12),
    "something taken over": """
        (i32.store (local.get $p) (local.get $s))
        (i32.store offset=4 (local.get $p) (local.get $s))
        (local.set $s (i32.load (local.get $q)))"""
    + STEP.format(8),
}
# Where a load and a store change places that may be at the same bytes.
REORDERED = {"copies, the last first"}
BODIES |= {name: body for name, (_, body) in COPIES.items()} | NO_COPIES
# What a round takes over from the one before, as it is in memory (or, as often, not).
CARRIED = {
    "carried": "(local.set $s (i32.load (local.get $q)))",
    "carried bytes, down": "(local.set $s (i32.load8_s offset=1 (local.get $q)))",
    "carried floats": "(local.set $f (f64.load (local.get $q)))",
    "copies, carried": "(local.set $f (f64.load offset=8 (local.get $q)))",
    "copies, carried numbers": "(local.set $s (i32.load (local.get $q)))",
}
# Of the conditions, those that rounds of copies are tried with: in them all is alike.
FEW = ("ne by 3", "ge_s down by 2", "tee", f"lt_u {HEAD}", f"lt_u {IF}")
LOOPS = [
    (body, condition)
    for body, condition in itertools.product(BODIES, CONDITIONS)
    if condition in FEW or not (body in COPIES or body in NO_COPIES)
]


def function(body, condition):
    return f"""(func (export "{body}/{condition}")
      (param $i i32) (param $n i32) (param $p i32) (param $q i32) (param $s i32) (result i32)
      (local $f f64)
      (if (i32.and (i32.lt_u (local.get $q) (i32.const 60000)) (i32.ne (local.get $s) (i32.const 3)))
        (then {CARRIED.get(body, "")}))
      {CONDITIONS[condition].replace("BODY", BODIES[body])}
      (i32.add (i32.mul (local.get $i) (i32.const 31))
        (i32.xor (i32.xor (local.get $s) (i32.trunc_sat_f64_s (local.get $f)))
          (i32.xor (local.get $n) (i32.add (local.get $p) (local.get $q))))))"""


@pytest.fixture(scope="module")
def binary():
    functions = "".join(itertools.starmap(function, LOOPS))
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
        if body != "irregular":
            assert "asm sideeffect" in text, export.name
            rolled = body in COPIES and not condition.endswith((HEAD, IF))
            tested = body in CARRIED or (rolled and body in REORDERED)
            assert (" or i1 " in text) == tested, export.name
            stores = BODIES[body].count("store") // (COPIES[body][0] if rolled else 1)
            assert len(re.findall(r"(?m)^store (?!volatile).*!tbaa !12$", text)) == stores, (
                export.name
            )


@pytest.mark.parametrize("guard", [True, False])
def test_what_is_loaded_anew_may_be_written_through_another_index(guard):
    source = """(module
      (memory $a (import "m" "m") 1) (memory $b (import "m" "m") 1)
      (func (export "go") (param $p i32) (param $q i32) (param $n i32) (result i32)
        (local $last i32)
        (local.set $last (i32.load $b (local.get $q)))
        (loop $l
          (i32.store $a (local.get $p) (i32.add (local.get $last) (i32.load $b (local.get $q))))
          (local.set $last (i32.load $b offset=4 (local.get $q)))
          (local.set $p (i32.add (local.get $p) (i32.const 4)))
          (local.set $q (i32.add (local.get $q) (i32.const 4)))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $last)))"""
    memory = ww.Memory(1, 1)
    go = ww.Instance(
        ww.Module(source, guard=guard, tier="optimised"), {"m": {"m": memory}}
    ).exports.go
    for target in (0, 2000, 400, 404, 396, 440, 799):
        words = list(range(1000))
        memory[0:4000] = array("I", words).tobytes()
        data = bytearray(memory[0:8000])
        last = words[100]
        for round_ in range(100):
            there = 400 + 4 * round_
            total = last + int.from_bytes(data[there : there + 4], "little")
            data[target + 4 * round_ : target + 4 * round_ + 4] = (total % (1 << 32)).to_bytes(
                4, "little"
            )
            last = int.from_bytes(data[there + 4 : there + 8], "little")
        assert go(target, 400, 100) % (1 << 32) == last, target
        assert bytes(memory[0:8000]) == bytes(data), target


@pytest.mark.parametrize("jump", ["(br $again)", ""])
def test_an_if_at_the_head_with_an_else_is_left_alone(jump):
    source = f"""(module (memory (export "memory") 1)
      (func (export "fill") (param $n i32)
        (loop $again
          (if (local.get $n)
            (then
              (i32.store (i32.shl (local.get $n) (i32.const 2)) (local.get $n))
              (local.set $n (i32.sub (local.get $n) (i32.const 1)))
              {jump})
            (else (i32.store (i32.const 0) (i32.const 42)))))))"""
    instance = ww.Instance(ww.Module(source))
    instance.exports.fill(3)
    memory = instance.exports.memory
    words = [int.from_bytes(memory[4 * i : 4 * i + 4], "little") for i in range(4)]
    assert words == ([42, 1, 2, 3] if jump else [0, 0, 0, 3])


def arguments(rng):
    """Rounds, few and many, and addresses inside, at the end of, and outside the memory."""
    start = rng.choice((0, 0, 1, -3, 100, 0x7FFFFFF0, -0x80000000))
    rounds = rng.choice((0, 1, 5, 8, 9, 30, 100, 105, 300, 1000))
    end = (start + rounds * rng.choice((1, 1, 2, 3, 5, 7)) + (1 << 31)) % (1 << 32) - (1 << 31)
    places = (0, 64, 2000, 3000, PAGE - 300, PAGE - 8, PAGE - 1, PAGE, -4, -100, 40000)
    return start, end, rng.choice(places), rng.choice(places), rng.choice((1, 3, -1, 16, 0))


class Reference:
    """An instance in wasmtime."""

    def __init__(self, engine, module):
        self.store = wasmtime.Store(engine)
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)

    def outcome(self, name, args):
        try:
            result = self.exports[name](self.store, *args)
        except wasmtime.Trap as trap:
            outside = trap.trap_code == wasmtime.TrapCode.MEMORY_OUT_OF_BOUNDS
            result = "out of bounds memory access" if outside else trap.message
        return result, bytes(self.exports["memory"].read(self.store, 0, PAGE))


def outcome(instance, name, args):
    try:
        result = getattr(instance.exports, name)(*args)
    except ww.Trap as trap:
        result = trap.kind
    return result, bytes(instance.exports.memory[0:PAGE])


@pytest.mark.parametrize("guard", [True, False])
def test_loops_do_what_wasmtime_does_to_memory_and_up_to_the_trap(binary, guard):
    engine = wasmtime.Engine()
    compiled = wasmtime.Module(engine, binary)
    module = ww.Module(binary, guard=guard)
    module.compile()
    rng = random.Random(4)
    for body, condition in LOOPS:
        name = f"{body}/{condition}"
        reference, instance = Reference(engine, compiled), ww.Instance(module)
        for _ in range(30 if body in COPIES or body in NO_COPIES else 10):
            args = arguments(rng)
            if not too_long(condition, args):
                want, have = reference.outcome(name, args), outcome(instance, name, args)
                assert have[0] == want[0], (name, args)
                assert have[1] == want[1], (name, args)


def too_long(condition, args):
    """Whether the loop goes round more than some thousands of times, if nothing traps."""
    i, n = args[0], args[1]
    if condition == "down to zero":
        return not 0 < n < 3000
    if condition == "eqz of ge":
        return not 0 <= i <= n < i + 3000
    name = condition.removesuffix(f" {HEAD}").removesuffix(f" {IF}")
    i_step, n_step, relation, swapped = STEPS.get(name, STEPS["ne"])
    if name == condition:
        i, n = wrapped(i + i_step), wrapped(n + n_step)
    for _ in range(3000):
        left, right = (n, i) if swapped else (i, n)
        if relation.endswith("_u"):
            left, right = left % (1 << 32), right % (1 << 32)
        if not getattr(operator, relation[:2])(left, right):
            return False
        i, n = wrapped(i + i_step), wrapped(n + n_step)
    return True


def wrapped(value):
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)
