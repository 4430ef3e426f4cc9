"""Functions that are over before the GIL could be released run with it held."""

import signal
import threading

import pytest

import wasmwright as ww
from wasmwright.codegen import abi
from wasmwright.codegen.llvm import native as ir
from wasmwright.runtime import native

TEXT = """(module (memory (export "memory") 1)
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "swap") (param i32 i64 f64) (result f64 i64 i32)
    (local.get 2) (local.get 1) (local.get 0))
  (func (export "spin") (param i32) (result i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 0))
  (func (export "stop") unreachable))"""


def is_held(function):
    record = native.read64(id(function) + ir.FUNC_RECORD)
    return native.read32(record + abi.FUNCREF_SHORT) == 1


@pytest.mark.parametrize("guard", [True, False])
def test_results_and_traps_are_the_same_as_ever(instantiate, guard):
    exports = instantiate(TEXT, guard=guard).exports
    for _ in range(3):  # compiled on the first call, which releases the GIL
        assert exports.add(2, -3) == -1
        assert exports.swap(1, 2, 3.5) == (3.5, 2, 1)
        assert exports.spin(1000) == 0
        assert exports.load(0) == 0
        for call, kind in (
            (lambda: exports.load(65533), "out of bounds memory access"),
            (lambda: exports.div(1, 0), "integer divide by zero"),
            (lambda: exports.div(-(2**31), -1), "integer overflow"),
            (exports.stop, "unreachable"),
        ):
            with pytest.raises(ww.Trap) as caught:
                call()
            assert caught.value.kind == kind
    assert all(is_held(exports[name]) for name in ("add", "load", "div", "swap", "stop"))
    assert not is_held(exports.spin)


def test_a_second_instance_knows_it_from_the_start(wat):
    module = ww.Module(wat(TEXT))
    module.compile()
    exports = ww.Instance(module).exports
    assert is_held(exports.load)
    assert not is_held(exports.spin)
    with pytest.raises(ww.Trap):
        exports.load(-1)
    assert exports.load(4) == 0


def test_many_threads_and_signals(instantiate):
    instances = [instantiate(TEXT).exports for _ in range(3)]
    met = []

    def work(exports):
        for i in range(20_000):
            assert exports.add(i, 1) == i + 1
            if i % 500 == 0:
                with pytest.raises(ww.Trap):
                    exports.load(-1)
                exports.spin(1000)

    previous = signal.signal(signal.SIGINT, lambda *_: met.append(1))
    threads = [threading.Thread(target=work, args=(exports,)) for exports in instances]
    try:
        for thread in threads:
            thread.start()
        sent = 0
        while any(thread.is_alive() for thread in threads):
            signal.raise_signal(signal.SIGINT)
            sent += 1
            work(instances[0]) if sent == 1 else instances[1].add(1, 2)
    finally:
        signal.signal(signal.SIGINT, previous)
        for thread in threads:
            thread.join()
    assert len(met) == sent
