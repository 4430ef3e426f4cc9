"""Compilation on first call, ahead of time, and from several threads."""

import gc
import threading

import pytest

import wasmwright as ww
from wasmwright.runtime import native


def _many(count):
    functions = "".join(
        f'(func $f{i} (export "f{i}") (param i32) (result i32)'
        f"(i32.add (i32.mul (local.get 0) (i32.const {i + 1})) (i32.const {i})))"
        for i in range(count)
    )
    calls = "".join(f"(local.set 0 (call $f{i} (local.get 0)))" for i in range(count))
    return (
        f'(module {functions} (func (export "all") (param i32) (result i32) {calls} local.get 0))'
    )


@pytest.fixture
def binary(wat):
    return wat(_many(12))


def _expected(value):
    for i in range(12):
        value = value * (i + 1) + i
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def test_threads_that_call_the_same_new_functions_compile_them_once(binary):
    for _ in range(3):
        module = ww.Module(binary)
        instances = [ww.Instance(module).exports for _ in range(4)]
        barrier = threading.Barrier(4)
        results = []

        def work(exports, barrier=barrier, results=results):
            barrier.wait()
            results.append(exports.all(3))

        threads = [threading.Thread(target=work, args=(each,)) for each in instances]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [_expected(3)] * 4


def test_compiling_ahead_and_on_first_call_give_the_same(binary):
    lazy, eager = ww.Module(binary), ww.Module(binary)
    before = ww.Instance(eager)
    eager.compile()
    eager.compile()
    after = ww.Instance(eager)
    for instance in (ww.Instance(lazy), before, after):
        assert instance.exports.all(5) == _expected(5)


def test_a_function_compiled_for_one_instance_is_compiled_for_all(binary):
    module = ww.Module(binary)
    first, second = ww.Instance(module), ww.Instance(module)
    assert first.exports.all(5) == second.exports.all(5) == _expected(5)
    third = ww.Instance(module)
    assert third.exports.all(5) == _expected(5)


def test_code_outlives_the_module_object_while_a_function_is_left(binary):
    function = ww.Instance(ww.Module(binary)).exports.all
    gc.collect()
    assert function(2) == _expected(2)


MANY_ARGUMENTS = """(module
  (func $sum (export "sum") {params} (result i64) {sum})
  (func (export "through") (param i64) (result i64) (call $sum {gets})))"""


@pytest.mark.parametrize("count", [5, 6, 12])
def test_what_runs_during_a_compilation_leaves_the_arguments_alone(wat, count):
    binary = wat(
        MANY_ARGUMENTS.format(
            params="(param i64)" * count,
            sum="(local.get 0)"
            + "".join(
                f"(i64.add (i64.mul (local.get {i}) (i64.const {i + 1})))" for i in range(1, count)
            ),
            gets="(local.get 0)" + "".join(f"(i64.const {i})" for i in range(1, count)),
        )
    )
    instance = ww.Instance(ww.Module(binary))
    calls = []

    class Finalized:
        def __del__(self):
            calls.append(instance.exports.sum(*[1000] * count))

    def garbage():
        loop = Finalized()
        loop.self = loop

    expected = 7 + sum(i * (i + 1) for i in range(1, count))
    thresholds = gc.get_threshold()
    instance.exports.sum(*[0] * count)
    fresh = ww.Module(binary)
    # The same code for a new module, compiled while the collector runs all the time; the
    # finaliser calls into the instance that is compiling.
    instance = ww.Instance(fresh)
    gc.set_threshold(1)
    try:
        for _ in range(50):
            garbage()
        assert instance.exports.through(7) == expected
    finally:
        gc.set_threshold(*thresholds)
    assert set(calls) == {1000 * (1 + sum(i + 1 for i in range(1, count)))}


def test_an_error_of_the_compiler_is_an_exception_and_can_be_tried_again(binary, monkeypatch):
    from wasmwright.runtime import native

    monkeypatch.setenv("WASMWRIGHT_CACHE", "off")
    instance = ww.Instance(ww.Module(binary + b"\0\x02\x01x", tier="optimised"))
    with monkeypatch.context() as context:

        def fail(*_):
            raise MemoryError("no room for code")

        context.setattr(native.Native, "load_code", fail)
        with pytest.raises(MemoryError, match="no room"):
            instance.exports.all(1)
    assert instance.exports.all(1) == _expected(1)


INTERRUPTED = """
import random, os, signal, threading, time

class Stop(BaseException):
    pass

armed = False
def stop(*_):
    if armed:
        raise Stop
signal.signal(signal.SIGINT, stop)
choose = random.Random(1)
def watch():
    while True:
        time.sleep(choose.random() * 0.01)
        os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=watch, daemon=True).start()
stopped = 0
end = time.monotonic() + 4
while time.monotonic() < end:
    instance = ww.Instance(ww.Module(many.model.data))
    try:
        armed = True
        instance.exports.all(3)
    except Stop:
        stopped += 1
    finally:
        armed = False
    instance.exports.all(3)
print(stopped > 5, flush=True)
"""


@pytest.mark.slow
def test_a_compilation_may_be_interrupted_anywhere(script, monkeypatch):
    monkeypatch.setenv("WASMWRIGHT_CACHE", "off")
    done = script(INTERRUPTED, many=_many(12))
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_what_the_cache_has_is_not_compiled_again_in_other_company(wat, monkeypatch, tmp_path):
    monkeypatch.setenv("WASMWRIGHT_CACHE", str(tmp_path))
    binary = wat(
        """(module (func $g (export "g") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
          (func (export "f") (param i32) (result i32) (call $g (local.get 0))))"""
    )
    first = ww.Instance(ww.Module(binary)).exports
    assert (first.g(2), first.f(3)) == (6, 9)  # compiled one by one
    for pack in first.f._info.owner.code._packs.values():
        pack.flush()
    again = ww.Instance(ww.Module(binary)).exports
    compiled = []
    core = native.get()
    monkeypatch.setattr(core, "compile_ir", lambda *args, **named: compiled.append(args))
    assert (again.f(3), again.g(2)) == (9, 6)
    assert not compiled
