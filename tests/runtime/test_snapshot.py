from __future__ import annotations

import gc
import os
import pickle
from typing import Any

import pytest

import wasmwright as ww
from wasmwright import wasi

STATE = """
(module
  (import "env" "host" (func $host (result i32)))
  (memory (export "memory") 1 300)
  (memory $other 1)
  (global $count (export "count") (mut i32) (i32.const 0))
  (global $wide (export "wide") (mut v128) (v128.const i64x2 1 2))
  (global $f (export "f") (mut funcref) (ref.null func))
  (table $t (export "t") 3 10 funcref)
  (elem $e func $one $two $host)
  (data $d "data")
  (func $start (global.set $count (i32.add (global.get $count) (i32.const 100))))
  (start $start)
  (func $one (export "one") (result i32) (i32.const 1))
  (func $two (result i32) (global.get $count))
  (func (export "set")
    (global.set $count (i32.const 7))
    (global.set $f (ref.func $two))
    (global.set $wide (v128.const i64x2 3 4))
    (drop (memory.grow (i32.const 2)))
    (i32.store (i32.const 131072) (i32.const 42))
    (i32.store $other (i32.const 8) (i32.const 43))
    (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 3))
    (drop (table.grow $t (ref.func $one) (i32.const 2)))
    (memory.init $d (i32.const 16) (i32.const 0) (i32.const 4))
    (data.drop $d) (elem.drop $e))
  (func (export "init") (memory.init $d (i32.const 16) (i32.const 0) (i32.const 4)))
  (func (export "other") (result i32) (i32.load $other (i32.const 8)))
  (func (export "call") (param i32) (result i32)
    (call_indirect $t (result i32) (local.get 0)))
  (func (export "call_host") (result i32) (call $host)))
"""


@pytest.fixture(scope="module")
def module() -> ww.Module:
    return ww.Module(STATE)


def initialised(module: ww.Module) -> ww.Instance:
    instance = ww.Instance(module, {"env": {"host": lambda: 5}})
    instance.exports.set()
    return instance


@pytest.mark.parametrize("way", [lambda s: s, lambda s: pickle.loads(pickle.dumps(s))])
def test_an_instance_begins_where_the_snapshot_was_taken(module: ww.Module, way: Any) -> None:
    first = initialised(module)
    state = way(first.snapshot())
    first.exports.count.value = 1000  # what happens afterwards does not count
    first.exports.memory[0] = 9
    exports = module.restore(state, {"env": {"host": lambda: 6}}).exports
    assert exports.count.value == 7  # and the start function did not run
    assert exports.wide.value == first.exports.wide.value
    assert len(exports.memory) == 3 * 65536
    assert exports.memory.read_i32(131072) == 42
    assert exports.memory[16:20] == b"data"
    assert exports.memory[0] == 0
    assert exports.other() == 43
    assert len(exports.t) == 5
    assert [exports.call(i) for i in range(5)] == [1, 7, 6, 1, 1]  # its own functions, its imports
    assert exports.f.value() == 7
    with pytest.raises(ww.Trap, match="out of bounds memory access"):
        exports.init()  # the segment is dropped


def test_instances_of_one_snapshot_are_apart(module: ww.Module) -> None:
    state = initialised(module).snapshot()
    first, second = (module.restore(state, {"env": {"host": lambda: 0}}) for _ in range(2))
    del state
    first.exports.memory.write_i32(131072, 1)
    assert second.exports.memory.read_i32(131072) == 42
    assert second.exports.memory.grow(1) == 3
    second.exports.memory[3 * 65536] = 1
    with pytest.raises(IndexError):
        first.exports.memory[3 * 65536]


def test_the_limits_hold_for_what_is_restored(module: ww.Module) -> None:
    state = initialised(module).snapshot()
    imports = {"env": {"host": lambda: 0}}
    with pytest.raises(ww.LinkError, match="out of resources"):
        module.restore(state, imports, limits=ww.Limits(memory=2 * 65536))
    with pytest.raises(ww.LinkError, match="out of resources"):
        module.restore(state, imports, limits=ww.Limits(table=4))
    with pytest.raises(ww.LinkError, match="unknown import"):
        module.restore(state)


def test_a_snapshot_is_of_one_module(module: ww.Module) -> None:
    state = initialised(module).snapshot()
    with pytest.raises(ww.LinkError, match="another module"):
        ww.Module("(module)").restore(state)
    again = ww.Module(STATE, guard=False)  # the same one, compiled in another way
    assert again.restore(state, {"env": {"host": lambda: 0}}).exports.call(1) == 7


def test_what_cannot_be_captured_is_named() -> None:
    instance = ww.Instance(
        ww.Module(
            '(module (table (export "t") 9 externref) (table (export "f") 2 funcref)'
            '(global (export "g") (mut externref) (ref.null extern))'
            '(table (export "i") 2 i31ref (ref.i31 (i32.const -5))))'
        )
    )
    instance.snapshot()
    for i in range(1, 9):
        instance.exports.t[i] = object()
    instance.exports.g.value = "text"
    with pytest.raises(ValueError, match="global 0, table 0 at 1, table 0 at 2, .* and 4 more"):
        instance.snapshot()
    instance.exports.g.value = None
    for i in range(9):
        instance.exports.t[i] = None
    instance.exports.f[1] = ww.Func(ww.FuncType(), lambda: None)
    with pytest.raises(ValueError, match=r"host objects and functions.*: table 1 at 1$"):
        instance.snapshot()
    instance.exports.f[1] = None
    instance.exports.i[1] = 77
    restored = instance.module.restore(instance.snapshot())
    assert list(map(restored.exports.i.__getitem__, range(2))) == [-5, 77]


def test_an_instance_in_a_call_or_closed_has_no_snapshot(module: ww.Module) -> None:
    found: list[str] = []

    def host() -> int:
        with pytest.raises(RuntimeError, match="in a call"):
            instance.snapshot()
        found.append("refused")
        return 0

    instance = ww.Instance(module, {"env": {"host": host}})
    instance.exports.call_host()
    assert found
    instance.close()
    with pytest.raises(ValueError, match="closed"):
        instance.snapshot()


def test_imported_memories_are_not_part_of_it() -> None:
    module = ww.Module('(module (import "" "m" (memory 1)) (memory (export "own") 1))')
    memory = ww.Memory(1)
    memory[0] = 1
    state = ww.Instance(module, {"": {"m": memory}}).snapshot()
    assert len(state.memories) == 1
    module.restore(state, {"": {"m": memory}})
    assert memory[0] == 1


def test_a_memory_of_single_bytes_is_restored() -> None:
    module = ww.Module('(module (memory (export "m") 5 9 (pagesize 1)))')
    instance = ww.Instance(module)
    instance.exports.m[0:5] = b"hello"
    memory = module.restore(instance.snapshot()).exports.m
    assert (memory[0:5], len(memory), memory.grow(4)) == (b"hello", 5, 5)
    assert memory[5:9] == bytes(4)


def test_snapshots_and_their_instances_leave_nothing_behind(module: ww.Module) -> None:
    first = initialised(module)

    def figures() -> tuple[int, int]:
        gc.collect()  # functions of the host in a table make a circle
        with open("/proc/self/maps") as maps:
            mapped = sum("wasmwright snapshot" in line for line in maps)
            return len(os.listdir("/proc/self/fd")), mapped

    def once() -> None:
        state = first.snapshot()
        for _ in range(3):
            module.restore(state, {"env": {"host": lambda: 0}}).exports.memory[0] = 1

    once()
    before = figures()
    for _ in range(50):
        once()
    assert figures() == before


def test_a_reactor_is_initialised_once() -> None:
    module = ww.Module(
        '(module (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))'
        '(func (export "_initialize") (global.set $n (i32.add (global.get $n) (i32.const 1))))'
        '(func (export "n") (result i32) (global.get $n)))'
    )
    state = wasi.instantiate(module, wasi.Preview1()).snapshot()
    assert wasi.instantiate(module, wasi.Preview1(), snapshot=state).exports.n() == 1
