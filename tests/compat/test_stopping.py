"""Limits, epochs and fuel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

import wasmwright.compat.wasmtime as w
from wasmwright.runtime.compile_clock import Preparing

Instantiate = Callable[..., w.InstanceExports]


def test_limits_of_a_store(instance: Instantiate, store: w.Store) -> None:
    store.set_limits(memory_size=65536, table_elements=5)
    with pytest.raises(
        w.WasmtimeError, match="memory minimum size of 2 pages exceeds memory limits"
    ):
        instance(store, "(module (memory 2))")
    with pytest.raises(w.WasmtimeError, match="exceeds memory limits"):
        w.Memory(store, w.MemoryType(w.Limits(5)))
    with pytest.raises(w.WasmtimeError, match="table minimum size of 6 elements exceeds"):
        instance(store, "(module (table 6 funcref))")
    exports = instance(
        store,
        '(module (memory (export "m") 1) (table (export "t") 1 funcref)'
        ' (func (export "grow") (result i32) (memory.grow (i32.const 1)))'
        ' (func (export "more") (result i32) (table.grow (ref.null func) (i32.const 5))))',
    )
    assert exports["grow"](store) == -1
    assert exports["more"](store) == -1
    with pytest.raises(w.WasmtimeError):
        exports["m"].grow(store, 1)
    with pytest.raises(w.WasmtimeError):
        exports["t"].grow(store, 5, None)


def test_counted_limits(instance: Instantiate, store: w.Store) -> None:
    store.set_limits(instances=2, memories=1, tables=1)
    instance(store, "(module (memory 1))")
    with pytest.raises(w.WasmtimeError, match="memory count too high at 2"):
        instance(store, "(module (memory 1))")
    with pytest.raises(w.WasmtimeError, match="table count too high at 2"):
        instance(store, "(module (table 1 funcref) (table 1 funcref))")
    instance(store, "(module)")
    with pytest.raises(w.WasmtimeError, match="instance count too high at 3"):
        instance(store, "(module)")


@pytest.fixture
def ticking() -> Iterator[w.Engine]:
    config = w.Config()
    config.epoch_interruption = True
    yield w.Engine(config)


LOOP = (
    '(module (func (export "loop") (loop (br 0))) (func (export "one") (result i32) (i32.const 1)))'
)


def test_an_epoch_deadline_stops_a_loop(instance: Instantiate, ticking: w.Engine) -> None:
    store = w.Store(ticking)
    exports = instance(store, LOOP)
    store.set_epoch_deadline(1)
    assert exports["one"](store) == 1
    timer = threading.Timer(0.05, ticking.increment_epoch)
    timer.start()
    with pytest.raises(w.Trap, match="wasm trap: interrupt") as caught:
        exports["loop"](store)
    timer.join()
    assert caught.value.trap_code == w.TrapCode.INTERRUPT
    with pytest.raises(w.Trap, match="interrupt"):  # the deadline is past
        exports["one"](store)
    store.set_epoch_deadline(1)
    assert exports["one"](store) == 1


def test_a_store_begins_at_its_deadline(instance: Instantiate, ticking: w.Engine) -> None:
    store = w.Store(ticking)
    exports = instance(store, LOOP)
    with pytest.raises(w.Trap, match="interrupt"):
        exports["one"](store)


def test_an_epoch_stops_only_the_stores_whose_deadline_it_is(
    instance: Instantiate, ticking: w.Engine
) -> None:
    late, soon = w.Store(ticking), w.Store(ticking)
    late.set_epoch_deadline(1000)
    soon.set_epoch_deadline(2)
    outcome: list[str] = []

    def run(store: w.Store, name: str) -> None:
        try:
            instance(store, LOOP)["loop"](store)
        except w.Trap:
            outcome.append(name)

    threads = [
        threading.Thread(target=run, args=(late, "late")),
        threading.Thread(target=run, args=(soon, "soon")),
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    ticking.increment_epoch()
    time.sleep(0.1)
    assert outcome == []
    ticking.increment_epoch()
    threads[1].join(20)
    assert outcome == ["soon"]
    for _ in range(1000):
        ticking.increment_epoch()
    threads[0].join(20)
    assert outcome == ["soon", "late"]


@pytest.fixture
def fuelled() -> w.Store:
    config = w.Config()
    config.consume_fuel = True
    return w.Store(w.Engine(config))


FUEL = """
(module (import "" "host" (func $host))
  (func (export "three") (result i32) (i32.add (i32.const 1) (i32.const 2)))
  (func (export "loop") (loop (br 0)))
  (func $recurse (export "recurse") (call $recurse))
  (func (export "call_host") (call $host)))
"""


def nothing(store: w.Store) -> w.Func:
    return w.Func(store, w.FuncType([], []), lambda: None)


def test_fuel_is_consumed_and_runs_out(instance: Instantiate, fuelled: w.Store) -> None:
    exports = instance(fuelled, FUEL, nothing(fuelled))
    assert fuelled.get_fuel() == 0
    with pytest.raises(w.Trap, match="all fuel consumed by WebAssembly"):
        exports["three"](fuelled)
    fuelled.set_fuel(10_000)
    assert exports["three"](fuelled) == 3
    assert fuelled.get_fuel() == 9996  # what the package gives, too
    for name in ("loop", "recurse"):
        fuelled.set_fuel(100)
        with pytest.raises(w.Trap) as caught:
            exports[name](fuelled)
        assert caught.value.trap_code == w.TrapCode.OUT_OF_FUEL
        assert fuelled.get_fuel() == 0
    fuelled.set_fuel(10)
    assert exports["three"](fuelled) == 3


def test_fuel_belongs_to_the_store_whatever_runs(instance: Instantiate, fuelled: w.Store) -> None:
    left = []

    def host() -> None:
        left.append(fuelled.get_fuel())
        assert other["three"](fuelled) == 3
        left.append(fuelled.get_fuel())
        fuelled.set_fuel(50)

    other = instance(fuelled, FUEL, nothing(fuelled))
    exports = instance(fuelled, FUEL, w.Func(fuelled, w.FuncType([], []), host))
    fuelled.set_fuel(1000)
    exports["call_host"](fuelled)
    assert left == [998, 994]
    assert fuelled.get_fuel() == 50


def test_a_start_function_consumes_fuel(fuelled: w.Store) -> None:
    module = w.Module(fuelled.engine, "(module (func $s (loop (br 0))) (start $s))")
    fuelled.set_fuel(100)
    with pytest.raises(w.Trap, match="all fuel consumed"):
        w.Instance(fuelled, module, [])
    assert fuelled.get_fuel() == 0


def test_older_names_of_fuel(instance: Instantiate, fuelled: w.Store) -> None:
    exports = instance(fuelled, FUEL, nothing(fuelled))
    fuelled.add_fuel(100)
    exports["three"](fuelled)
    assert fuelled.fuel_consumed() == 4
    assert fuelled.consume_fuel(6) == 90
    with pytest.raises(w.WasmtimeError, match="not enough fuel"):
        fuelled.consume_fuel(91)


def test_fuel_without_its_setting_is_an_error(store: w.Store) -> None:
    for call in (store.get_fuel, store.fuel_consumed):
        with pytest.raises(w.WasmtimeError, match="fuel is not configured in this store"):
            call()
    with pytest.raises(w.WasmtimeError, match="fuel is not configured"):
        store.set_fuel(1)


def test_compiling_does_not_use_up_an_epoch_deadline(
    instance: Instantiate, ticking: w.Engine
) -> None:
    store = w.Store(ticking)

    def compile_slowly() -> None:
        with Preparing():
            ticking.increment_epoch()
            time.sleep(0.3)

    host = w.Func(store, w.FuncType([], []), compile_slowly)
    exports = instance(store, FUEL, host)
    exports_of_loop = instance(store, LOOP)
    store.set_epoch_deadline(1)
    exports["call_host"](store)  # would be stopped, were it not for what is granted
    began = time.monotonic()
    with pytest.raises(w.Trap, match="interrupt"):
        exports_of_loop["loop"](store)
    assert time.monotonic() - began < 10
