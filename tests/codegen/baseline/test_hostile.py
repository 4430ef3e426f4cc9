"""Hostile sizes: compiling takes time and memory in proportion to the module."""

import time
import tracemalloc

import pytest

import wasmwright as ww
from wasmwright.codegen.abi import Layout
from wasmwright.codegen.baseline.compiler import Compiled, compile_functions
from wasmwright.codegen.options import Options
from wasmwright.limits import MAX_BR_TABLE, MAX_LOCALS
from wasmwright.runtime import baseline

I32, I64 = b"\x7f", b"\x7e"
EMPTY = b"\x02\x40"  # block
VALUE = b"\x02\x7f"  # block (result i32)
END = b"\x0b"
ZERO, ONE = b"\x41\x00", b"\x41\x01"
GET, DROP, ADD = b"\x20\x00", b"\x1a", b"\x6a"
# Seconds that compiling may take for a function of this size, whatever the machine is busy with.
TIME = 60.0
MANY = 1000  # of a signature


def leb(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def section(number: int, content: bytes) -> bytes:
    return bytes([number]) + leb(len(content)) + content


def module(
    body: bytes,
    params: bytes = I32,
    results: bytes = I32,
    local_groups: bytes = b"\x00",
    functions: int = 1,
) -> bytes:
    """Functions of one type with the same body; type 1 is of many values to as many."""
    code = local_groups + body + END
    many = b"\x60" + leb(MANY) + I32 * MANY + leb(MANY) + I32 * MANY
    first = b"\x60" + leb(len(params)) + params + leb(len(results)) + results
    return (
        b"\0asm\x01\0\0\0"
        + section(1, leb(2) + first + many)
        + section(3, leb(functions) + b"\0" * functions)
        + section(10, leb(functions) + (leb(len(code)) + code) * functions)
    )


def compiled(data: bytes) -> tuple[Compiled, float]:
    """The code, and the seconds it took."""
    decoded = ww.Module(data)._module
    view = baseline.view(decoded, Layout(decoded), guard=True, options=Options())
    functions = list(range(len(decoded.funcs)))
    started = time.perf_counter()
    made = compile_functions(view, functions)
    assert made.funcs == functions
    return made, time.perf_counter() - started


def test_a_function_of_many_instructions():
    pairs = 100_000
    made, seconds = compiled(module(GET + (ONE + ADD) * pairs))
    assert seconds < TIME
    assert len(made.code) < 64 * pairs


DEPTH = 20_000
DEEP = {
    "operands that are constants, below calls": ONE * DEPTH
    + (GET + b"\x10\x00" + DROP) * DEPTH
    + DROP * (DEPTH - 1),
    "operands that are locals": GET * DEPTH + ADD * (DEPTH - 1),
    "operands that are locals, below assignments": GET * DEPTH
    + (ONE + b"\x21\x00") * DEPTH
    + DROP * (DEPTH - 1),
    "operands that are locals, below blocks": GET * DEPTH
    + (EMPTY + END) * DEPTH
    + DROP * (DEPTH - 1),
    "computed operands": (GET + GET + ADD) * DEPTH + DROP * (DEPTH - 1),
    "blocks": EMPTY * DEPTH + END * DEPTH + GET,
    "loops above operands": GET * DEPTH + b"\x03\x40" * DEPTH + END * DEPTH + DROP * (DEPTH - 1),
    "conditionals": (GET + b"\x04\x40") * DEPTH + END * DEPTH + GET,
    "branches that carry a value": ONE * DEPTH
    + VALUE
    + (ONE + ONE + GET + b"\x0d\x00" + DROP + DROP) * DEPTH
    + ONE
    + END
    + DROP * DEPTH,
    "null tests": ONE * DEPTH
    + EMPTY
    + (b"\xd0\x70" + b"\xd5\x00" + DROP) * DEPTH
    + END
    + DROP * (DEPTH - 1),
}


@pytest.mark.parametrize("name", DEEP)
def test_many_operands_and_blocks(name):
    body = DEEP[name]
    made, seconds = compiled(module(body))
    assert seconds < TIME
    assert len(made.code) < 100 * len(body)


def test_a_table_of_branches():
    count = MAX_BR_TABLE
    for start, carried in ((EMPTY, b""), (VALUE, ONE)):
        table = carried + GET + b"\x0e" + leb(count) + b"\x00" * (count + 1)
        made, seconds = compiled(module(start + table + END + (b"" if carried else GET)))
        assert seconds < TIME
        assert len(made.code) < 10 * count


def test_tables_of_branches_to_many_blocks():
    depth = 400
    labels = b"".join(leb(i) for i in range(depth))
    part = EMPTY * depth + GET + b"\x0e" + leb(depth) + labels + b"\x00" + END * depth
    body = part * 50 + GET
    made, seconds = compiled(module(body))
    assert seconds < TIME
    assert len(made.code) < 10 * len(body)


def test_many_locals():
    count = MAX_LOCALS - 1
    groups = b"\x01" + leb(count) + I32
    uses = b"".join(b"\x20" + leb(i) + DROP for i in range(1, count))
    for body in (GET, uses + GET):
        made, seconds = compiled(module(body, local_groups=groups))
        assert seconds < TIME
        assert len(made.code) < 4096
    many = module(b"\x20\x00", local_groups=groups)
    tracemalloc.start()
    compiled(many)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20


def test_a_function_with_many_locals_works_and_its_stack_is_checked():
    text = f"""(module (func $f (export "f") (param i32) (result i64) (local {"i64 " * 49_999})
      (if (i32.eqz (local.get 0)) (then (return (local.get 49998))))
      (local.set 49999 (call $f (i32.sub (local.get 0) (i32.const 1))))
      (i64.add (local.get 49999) (i64.const 1))))"""
    f = ww.Instance(ww.Module(text, tier="baseline")).exports.f
    assert f(5) == 5
    with pytest.raises(ww.ExhaustionError):
        f(1_000_000)


def test_many_functions():
    count = 100_000
    data = module(b"", b"", b"", functions=count)
    made, seconds = compiled(data)
    assert seconds < TIME
    assert len(made.code) < 128 * count


# Instructions of few bytes that pass many values: `code` must not be a copy for each value.
ROUNDS = 300
PASSING = {
    "calls": b"\x10\x00" * ROUNDS,
    "returns": (GET + b"\x04\x01\x0f\x0b") * ROUNDS,
    "branches": b"\x02\x01" + (GET + b"\x0d\x00") * ROUNDS + END,
    "tables": b"\x02\x01" * 50 + GET + b"\x0e\x32" + bytes(range(50)) + b"\x31" + END * 50,
}


@pytest.mark.parametrize("name", PASSING)
def test_instructions_that_pass_many_values(name):
    arguments = b"".join(b"\x20" + leb(i) for i in range(MANY))
    body = arguments + PASSING[name]
    made, seconds = compiled(module(body, I32 * MANY, I32 * MANY))
    assert seconds < TIME
    assert len(made.code) < 100_000 + 400 * len(PASSING[name])


def test_many_values_arrive():
    values = list(range(1, MANY + 1))
    names = [f"(param i32 f64 i64) (param {'i32 ' * (MANY - 3)})", f"(result {'i32 ' * MANY})"]
    gets = " ".join(f"local.get {i}" for i in range(3, MANY))
    text = f"""(module
      (global $condition (export "condition") (mut i32) (i32.const 0))
      (func $all (export "all") {names[0]} {names[1]}
        local.get 0  local.get 1  i32.trunc_f64_s  local.get 2  i32.wrap_i64 {gets})
      (func (export "block") {names[0]} {names[1]}
        block {names[1]}
          i32.const 6
          local.get 0 local.get 1 local.get 2 {gets} call $all
          global.get $condition  br_if 0
          global.get $condition  i32.eqz  br_if 0
          unreachable
        end
        return)
      (func (export "tail") {names[0]} {names[1]}
        local.get 0 local.get 1 local.get 2 {gets} return_call $all))"""
    exports = ww.Instance(ww.Module(text, tier="baseline")).exports
    assert list(exports.all(*values)) == values
    assert list(exports.tail(*values)) == values
    for condition in (0, 1):
        exports.condition.value = condition
        assert list(exports.block(*values)) == values
