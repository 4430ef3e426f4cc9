"""Instantiation: its order, what a failure leaves behind, and what becomes of instances."""

import gc
import os
import weakref

import pytest

import wasmwright as ww

# -- failures ----------------------------------------------------------------------------


def test_segments_before_the_one_that_fails_stay_written(instantiate):
    memory = ww.Memory(1)
    table = ww.Table("funcref", 4)
    text = """(module
      (import "a" "m" (memory 1)) (import "a" "t" (table 4 funcref))
      (func $seven (result i32) i32.const 7)
      (elem (i32.const 1) $seven)
      (data (i32.const 0) "written")
      (data (i32.const 65530) "too long for it")
      (data (i32.const 100) "not reached"))"""
    with pytest.raises(ww.Trap, match=r"^out of bounds memory access"):
        instantiate(text, {"a": {"m": memory, "t": table}})
    assert memory[:7] == b"written"
    assert memory[65530:] == bytes(6)
    assert memory[100] == 0
    gc.collect()
    assert table[1]() == 7


def test_an_element_segment_that_does_not_fit_comes_before_all_data(instantiate):
    memory, table = ww.Memory(1), ww.Table("funcref", 4)
    text = """(module
      (import "a" "m" (memory 1)) (import "a" "t" (table 4 funcref))
      (func $f)
      (data (i32.const 0) "data")
      (elem (i32.const 0) $f)
      (elem (i32.const 3) $f $f))"""
    with pytest.raises(ww.Trap, match=r"^out of bounds table access"):
        instantiate(text, {"a": {"m": memory, "t": table}})
    assert memory[:4] == bytes(4)
    assert table[0] is not None
    assert table[3] is None


def test_a_start_function_that_traps_leaves_its_writes(instantiate):
    memory, table = ww.Memory(1), ww.Table("funcref", 1)
    text = """(module
      (import "a" "m" (memory 1)) (import "a" "t" (table 1 funcref))
      (global $count (mut i32) (i32.const 0))
      (func $next (result i32)
        (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count))
      (elem (i32.const 0) $next)
      (func $start (i32.store (i32.const 8) (call $next)) unreachable)
      (start $start))"""
    with pytest.raises(ww.Trap, match=r"^unreachable"):
        instantiate(text, {"a": {"m": memory, "t": table}})
    gc.collect()
    assert memory[8] == 1
    assert table[0]() == 2


def test_an_exception_of_an_import_in_the_start_function_comes_out(instantiate):
    error = ValueError("mine")

    def host():
        raise error

    with pytest.raises(ValueError, match="mine") as caught:
        instantiate(
            '(module (import "a" "f" (func $f)) (func $start (call $f)) (start $start))',
            {"a": {"f": host}},
        )
    assert caught.value is error


def test_an_empty_segment_at_the_end_fits_and_one_beyond_does_not(instantiate):
    instantiate('(module (memory 1) (data (i32.const 65536) ""))')
    instantiate("(module (table 3 funcref) (elem (i32.const 3)))")
    with pytest.raises(ww.Trap):
        instantiate('(module (memory 1) (data (i32.const 65537) ""))')
    with pytest.raises(ww.Trap):
        instantiate("(module (table 3 funcref) (elem (i32.const 4)))")
    with pytest.raises(ww.Trap):
        instantiate('(module (memory 1) (data (i32.const -1) "x"))')


def test_an_imported_function_can_be_the_start(instantiate):
    calls = []
    instantiate(
        '(module (import "a" "f" (func $f)) (start $f))', {"a": {"f": lambda: calls.append(1)}}
    )
    assert calls == [1]


# -- lifetime ----------------------------------------------------------------------------

PLAIN = """(module (memory (export "m") 1) (table (export "t") 2 funcref)
  (global (export "g") (mut i32) (i32.const 0))
  (elem (i32.const 0) $f) (func $f (export "f") (result i32) (i32.load (i32.const 0))))"""

CALLS = """(module (import "host" "f" (func $f))
  (memory 1) (table 1 funcref) (elem (i32.const 0) $f)
  (func (export "run") (call $f)))"""

SWAPS = """(module (table (export "t") 1 funcref)
  (func $f (export "f") (result i32) i32.const 1)
  (func (export "take") (param funcref) (table.set (i32.const 0) (local.get 0))))"""


def _core(instance):
    return weakref.ref(instance._core)


def test_an_instance_goes_without_the_collector(instantiate):
    # An exported table holds its instance, which holds the table; that takes the collector.
    instance = instantiate(PLAIN.replace('(table (export "t")', "(table"))
    instance.exports.f()
    core = _core(instance)
    gc.disable()
    try:
        del instance
        assert core() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("what", ["f", "t", "g"])
def test_an_export_keeps_its_instance(instantiate, what):
    instance = instantiate(PLAIN)
    core, export = _core(instance), instance.exports[what]
    del instance
    gc.collect()
    if what == "t":
        assert export[0]() == 0
    del export
    gc.collect()
    assert core() is None


def test_a_callback_that_refers_to_its_instance_is_collected_with_it(instantiate):
    def cycle():
        box = []
        instance = instantiate(CALLS, {"host": {"f": lambda: box}})
        box.append(instance)
        instance.exports.run()
        return _core(instance)

    core = cycle()
    assert core() is not None
    gc.collect()
    assert core() is None


def test_instances_that_hold_each_others_functions_are_collected_together(instantiate):
    first, second = instantiate(SWAPS), instantiate(SWAPS)
    first.exports.take(second.exports.f)
    second.exports.take(first.exports.f)
    cores = _core(first), _core(second)
    del first, second
    gc.collect()
    assert [core() for core in cores] == [None, None]


def test_an_instance_linked_to_a_living_one_goes(instantiate):
    exporter = instantiate(PLAIN)
    importer = instantiate(
        '(module (import "a" "f" (func (result i32))) (func (export "g") (result i32) (call 0)))',
        {"a": exporter},
    )
    assert importer.exports.g() == 0
    core = _core(importer)
    del importer
    gc.collect()
    assert core() is None


def _resources():
    gc.collect()
    with open("/proc/self/maps") as file:
        maps = len(file.readlines())
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * 4096
    return maps, resident, len(gc.get_objects()), len(os.listdir("/proc/self/fd"))


@pytest.mark.slow
@pytest.mark.parametrize("text", [PLAIN, CALLS], ids=["plain", "callback"])
def test_ten_thousand_instances_leave_nothing_behind(wat, text):
    module = ww.Module(wat(text))
    name = "f" if text is PLAIN else "run"

    def run(count):
        for _ in range(count):
            ww.Instance(module, {"host": {"f": lambda: None}}).exports[name]()

    run(300)
    maps, resident, objects, descriptors = _resources()
    run(10_000)
    after = _resources()
    assert after[0] - maps < 10
    assert after[1] - resident < 2 << 20
    assert after[2] - objects < 200
    assert after[3] == descriptors


def test_a_thousand_instances_are_alive_at_once(wat):
    module = ww.Module(
        wat(
            """(module (import "host" "f" (func $f (param i32) (result i32)))
              (memory (export "memory") 1) (table 1 funcref) (global $n (mut i32) (i32.const 0))
              (func (export "add") (param i32) (result i32)
                (global.set $n (i32.add (global.get $n) (call $f (local.get 0))))
                (i32.store (i32.const 65532) (global.get $n)) (global.get $n)))"""
        )
    )
    before = _resources()
    alive = [ww.Instance(module, {"host": {"f": lambda x, i=i: x + i}}) for i in range(1000)]
    for _ in range(2):
        for i, instance in enumerate(alive):
            instance.exports.add(i)
    for i, instance in enumerate(alive):
        assert instance.exports.memory.read_i32(65532) == 4 * i
    del alive, instance
    after = _resources()
    assert after[0] - before[0] < 100
    assert after[3] == before[3]


def test_hundreds_of_modules_leave_nothing_behind(wat, monkeypatch):
    monkeypatch.setenv("WASMWRIGHT_CACHE", "off")
    binary = wat(PLAIN)

    def run(count):
        for _ in range(count):
            ww.Instance(ww.Module(binary)).exports.f()

    run(30)
    maps, resident, objects, descriptors = _resources()
    run(150)
    after = _resources()
    assert after[0] - maps < 10
    assert after[1] - resident < 2 << 20
    assert after[2] - objects < 200
    assert after[3] == descriptors
