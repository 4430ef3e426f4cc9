"""Modules that stay: reactors, and linking by hand."""

from __future__ import annotations

from typing import Any

import pytest

import wasmwright as ww
from wasmwright import wasi

# A reactor: counts calls from 100 on, writes a byte for each, and can end itself.
REACTOR = """(module
    (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1) (data (i32.const 1024) "+")
    (global $count (mut i32) (i32.const 0))
    (func (export "_initialize") (global.set $count (i32.const 100)))
    (func (export "count") (result i32)
        (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 1))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (global.get $count))
    (func (export "quit") (call $proc_exit (i32.const 7))))"""


def test_a_reactor_is_initialised_and_called_until_it_is_closed() -> None:
    with wasi.Preview1() as host:
        instance = wasi.instantiate(ww.Module(REACTOR), host)
        assert [instance.exports.count() for _ in range(3)] == [101, 102, 103]
        assert host.stdout.data == b"+++"
        assert host.memory is instance.exports.memory
        with pytest.raises(wasi.Exit, match="exited with code 7") as caught:
            instance.exports.quit()
        assert caught.value.code == 7
    assert instance.exports.count() == 104  # the write fails, with an errno
    assert host.stdout.data == b"+++"


def test_reactors_share_a_module_and_nothing_else() -> None:
    module = ww.Module(REACTOR)
    with wasi.Preview1() as first, wasi.Preview1() as second:
        one, two = wasi.instantiate(module, first), wasi.instantiate(module, second)
        assert (one.exports.count(), one.exports.count(), two.exports.count()) == (101, 102, 101)
        assert (first.stdout.data, second.stdout.data) == (b"++", b"+")


def test_the_memory_may_be_imported() -> None:
    memory = ww.Memory(1)
    text = """(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "env" "memory" (memory 1))
        (func (export "_start") (drop (call $random (i32.const 0) (i32.const 16)))))"""
    with wasi.Preview1() as host:
        instance = wasi.instantiate(ww.Module(text), host, {"env": {"memory": memory}})
        assert not any(memory[0:16])
        instance.exports._start()
    assert any(memory[0:16])


def test_memory_that_grows_is_seen_as_it_is_then() -> None:
    text = """(module
        (import "wasi_snapshot_preview1" "fd_write"
            (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (drop (memory.grow (i32.const 3)))
            (i32.store (i32.const 0) (i32.const 200000)) (i32.store (i32.const 4) (i32.const 3))
            (i32.store (i32.const 200000) (i32.const 0x00636261))
            (drop (call $fd_write
                (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 200100)))))"""
    assert wasi.run(text).stdout == b"abc"


def test_a_callback_may_call_the_guest() -> None:
    box: dict[str, Any] = {}
    seen: list[int] = []

    def called(data: bytes) -> None:
        if len(seen) < 3:
            seen.append(len(data))
            box["count"]()

    with wasi.Preview1(stdout=called) as host:
        box["count"] = wasi.instantiate(ww.Module(REACTOR), host).exports.count
        assert box["count"]() == 104
    assert seen == [1, 1, 1]
