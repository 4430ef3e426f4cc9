"""The IR builder: what it writes does what the Python says."""

import ctypes

import llvmlite.binding as llvm
import pytest

from wasmwright.codegen.llvm.builder import I8, I32, I64, PTR, VOID, Function


@pytest.fixture(scope="module")
def build():
    """Compile functions of 64-bit integers; keep LLVM's engines alive."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    kept = []

    def make(*functions):
        text = "".join(f.text() for f in functions) + "attributes #0 = { nounwind }\n"
        module = llvm.parse_assembly(text)
        module.verify()
        machine = llvm.Target.from_default_triple().create_target_machine()
        engine = llvm.create_mcjit_compiler(module, machine)
        engine.finalize_object()
        kept.append(engine)
        last = functions[-1]
        params = [ctypes.c_uint64] * len(last._params)
        return ctypes.CFUNCTYPE(ctypes.c_uint64, *params)(engine.get_function_address(last.name))

    return make


def test_arithmetic_is_unsigned(build):
    f = Function("f", I64, a=I64, b=I64)
    a, b = f.arg("a"), f.arg("b")
    f.ret((a < b).either((a >> 1) + b * 3, (a ^ b) - (a & b) + (a | 1) + (b << 2)))
    run = build(f)
    big = (1 << 64) - 2
    assert run(4, big) == (2 + big * 3) % (1 << 64)
    assert run(big, 4) == ((big ^ 4) - (big & 4) + (big | 1) + 16) % (1 << 64)


def test_branches_and_loops(build):
    f = Function("f", I64, n=I64)
    total = f.var(I64, 0)
    with f.count(f.arg("n"), 1, 2) as i:
        then, other = f.branch((i & 3).equals(1))
        with then:
            total.set(total + i)
        with other:
            total.set(total + 1000)
    with f.loop() as loop:
        loop.leave_if(total < 5000)
        total.set(total - 5000)
        loop.again_if(total > 9000)
        total.set(total + 1)
    f.ret(total)

    def expected(n):
        total = sum(i if i & 3 == 1 else 1000 for i in range(1, n, 2))
        while total >= 5000:
            total -= 5000
            if total <= 9000:
                total += 1
        return total

    run = build(f)
    for n in (0, 1, 2, 9, 10, 40):
        assert run(n) == expected(n)


def test_a_value_read_once_keeps_while_the_variable_changes(build):
    f = Function("f", I64, n=I64)
    x = f.var(I64, f.arg("n"))
    before = x.get()
    x.set(x + 1)
    f.ret(before * 100 + x)
    assert build(f)(7) == 708


def test_memory_and_calls(build):
    add = Function("add", VOID, linkage="internal", place=PTR, amount=I64)
    add.increase(add.arg("amount"), add.arg("place"), 8)
    f = Function("f", I64, n=I64)
    place = f.define(PTR, "alloca [16 x i8], align 8")
    f.store(5, place, 8)
    f.store(f.arg("n").to(I8).to(I64), place)
    f.call("add", VOID, place, f.arg("n"))
    f.store(1, place, 4, I32)
    f.ret(f.load(I64, place) + f.load(I64, place, 8))
    assert build(add, f)(300) == (300 & 255) + (1 << 32) + 305


def test_early_returns(build):
    f = Function("f", I64, n=I64)
    with f.when(f.arg("n").equals(0)):
        f.ret(10)
    with f.loop() as loop, f.when(f.arg("n") > 5):
        loop.leave()
    f.ret(20)
    run = build(f)
    assert (run(0), run(6)) == (10, 20)


def test_operands_must_fit():
    f = Function("f", I64, n=I32)
    with pytest.raises(AssertionError):
        f.ret(f.arg("n") + f.const(1, I64))
