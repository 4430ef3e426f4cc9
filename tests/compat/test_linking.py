"""Imports by position and by name, and WASI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import wasmwright.compat.wasmtime as w

I32, I64 = w.ValType.i32(), w.ValType.i64()
Instantiate = Callable[..., w.InstanceExports]


def test_imports_are_given_by_position(instance: Instantiate, store: w.Store) -> None:
    text = (
        '(module (import "a" "x" (func $f (result i32))) (import "a" "x" (func $g (result i32)))'
        ' (func (export "f") (result i32) (call $f)) (func (export "g") (result i32) (call $g)))'
    )
    one = w.Func(store, w.FuncType([], [I32]), lambda: 1)
    two = w.Func(store, w.FuncType([], [I32]), lambda: 2)
    exports = instance(store, text, one, two)
    assert (exports["f"](store), exports["g"](store)) == (1, 2)
    with pytest.raises(w.WasmtimeError, match="expected 2 imports, found 1"):
        instance(store, text, one)
    with pytest.raises(TypeError):
        instance(store, text, one, lambda: 2)
    with pytest.raises(w.WasmtimeError, match="incompatible import type"):
        instance(store, text, one, w.Func(store, w.FuncType([I32], [I32]), lambda x: 2))


def test_a_linker_gives_imports_by_name(store: w.Store) -> None:
    linker = w.Linker(store.engine)
    module = w.Module(
        store.engine,
        '(module (import "a" "f" (func $f (result i32))) (import "b" "m" (memory 1))'
        ' (func (export "run") (result i32) (i32.add (call $f) (memory.size))))',
    )
    with pytest.raises(w.WasmtimeError, match="unknown import: `a::f` has not been defined"):
        linker.instantiate(store, module)
    linker.define_func("a", "f", w.FuncType([], [I32]), lambda: 40)
    linker.define(store, "b", "m", w.Memory(store, w.MemoryType(w.Limits(2))))
    assert linker.instantiate(store, module).exports(store)["run"](store) == 42
    with pytest.raises(w.WasmtimeError, match="import of `a::f` defined twice"):
        linker.define_func("a", "f", w.FuncType([], [I32]), lambda: 1)
    linker.allow_shadowing = True
    linker.define_func("a", "f", w.FuncType([], [I32]), lambda: 1)
    assert linker.instantiate_pre(module).instantiate(store).exports(store)["run"](store) == 3
    other = w.Store(store.engine)
    assert isinstance(linker.get(other, "a", "f"), w.Func)
    assert linker.get(store, "a", "f")(store) == 1
    with pytest.raises(w.WasmtimeError, match="item not defined in linker"):
        linker.get(store, "q", "r")
    with pytest.raises(TypeError):
        linker.define(store, "a", "g", lambda: 1)


def test_unknown_imports_can_be_traps_or_defaults(store: w.Store) -> None:
    module = w.Module(
        store.engine,
        '(module (import "a" "f" (func $f (result i32))) (func (export "run") (result i32) (call $f)))',
    )
    linker = w.Linker(store.engine)
    linker.define_unknown_imports_as_traps(module)
    run = linker.instantiate(store, module).exports(store)["run"]
    with pytest.raises(w.Trap, match="unknown import: `a::f` has not been defined"):
        run(store)
    linker = w.Linker(store.engine)
    linker.define_unknown_imports_as_default_values(store, module)
    assert linker.instantiate(store, module).exports(store)["run"](store) == 0


def test_instances_and_modules_can_be_defined(store: w.Store) -> None:
    linker = w.Linker(store.engine)
    counter = w.Module(
        store.engine,
        '(module (global $n (mut i32) (i32.const 0)) (func (export "_initialize")'
        ' (global.set $n (i32.const 10))) (func (export "next") (result i32)'
        " (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))",
    )
    user = w.Module(
        store.engine,
        '(module (import "c" "next" (func $next (result i32)))'
        ' (func (export "run") (result i32) (call $next)))',
    )
    made = linker.instantiate(store, counter)
    linker.define_instance(store, "c", made)
    run = linker.instantiate(store, user).exports(store)["run"]
    assert [run(store), run(store)] == [1, 2]
    linker = w.Linker(store.engine)
    linker.define_module(store, "c", counter)  # a reactor: initialised, one instance
    run = linker.instantiate(store, user).exports(store)["run"]
    assert [run(store), run(store)] == [11, 12]
    command = w.Module(
        store.engine,
        '(module (global $n (mut i32) (i32.const 0)) (func (export "_start"))'
        ' (func (export "next") (result i32)'
        " (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))",
    )
    linker = w.Linker(store.engine)
    linker.define_module(store, "c", command)  # a command: a new instance for each call
    run = linker.instantiate(store, user).exports(store)["run"]
    assert [run(store), run(store)] == [1, 1]
    assert linker.get_default(store, "c")(store) is None
    assert linker.get_default(store, "nothing")(store) is None


EXIT = """
(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const CODE))))
"""
HELLO = """
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\06\\00\\00\\00")
  (data (i32.const 16) "hello\\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"""


def wasi_start(store: w.Store, text: str, config: w.WasiConfig) -> None:
    linker = w.Linker(store.engine)
    linker.define_wasi()
    store.set_wasi(config)
    made = linker.instantiate(store, w.Module(store.engine, text))
    made.exports(store)["_start"](store)


@pytest.mark.parametrize("code", [0, 3, 77])
def test_leaving_a_program_is_an_exit_trap(store: w.Store, code: int) -> None:
    with pytest.raises(w.ExitTrap) as caught:
        wasi_start(store, EXIT.replace("CODE", str(code)), w.WasiConfig())
    assert caught.value.code == code
    assert isinstance(caught.value, w.WasmtimeError)
    assert f"Exited with i32 exit status {code}" in str(caught.value)


def test_output_goes_where_the_configuration_says(
    store: w.Store, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wasi_start(store, HELLO, w.WasiConfig())
    assert capfd.readouterr().out == ""
    config = w.WasiConfig()
    config.inherit_stdout()
    wasi_start(store, HELLO, config)
    assert capfd.readouterr().out == "hello\n"
    config = w.WasiConfig()
    config.stdout_file = str(tmp_path / "out")
    wasi_start(store, HELLO, config)
    assert (tmp_path / "out").read_bytes() == b"hello\n"
    pieces: list[bytes] = []
    config = w.WasiConfig()
    config.stdout_custom = pieces.append
    wasi_start(store, HELLO, config)
    assert pieces == [b"hello\n"]


def test_arguments_environment_and_directories(store: w.Store, tmp_path: Path) -> None:
    config = w.WasiConfig()
    config.argv = ["prog", "x"]
    config.env = [("A", "1"), ("B", "2")]
    config.preopen_dir(str(tmp_path), "/data")
    config.preopen_dir(str(tmp_path), "/ro", w.DirPerms.READ_ONLY, w.FilePerms.READ_ONLY)
    config.preopen_dir(str(tmp_path), "/old", False)
    config.preopen_dir(tmp_path, "/new", fs_mutable=False)
    with config.system() as system:
        assert len(system._table.entries) == 7
    with pytest.raises(w.WasmtimeError, match="failed to add preopen dir"):
        config.preopen_dir(str(tmp_path / "none"), "/x")
    with pytest.raises(w.WasmtimeError, match="failed to set stdin file"):
        config.stdin_file = str(tmp_path / "none")
    with pytest.raises(AttributeError):
        _ = config.argv


def test_instances_of_one_store_share_descriptors_but_not_memories(store: w.Store) -> None:
    pieces: list[bytes] = []
    config = w.WasiConfig()
    config.stdout_custom = pieces.append
    store.set_wasi(config)
    linker = w.Linker(store.engine)
    linker.define_wasi()
    first = linker.instantiate(store, w.Module(store.engine, HELLO))
    second = linker.instantiate(store, w.Module(store.engine, HELLO.replace("hello", "world")))
    for made in (first, second, first):
        made.exports(store)["_start"](store)
    assert pieces == [b"hello\n", b"world\n", b"hello\n"]


def test_wasi_without_a_configuration_is_an_error(store: w.Store) -> None:
    linker = w.Linker(store.engine)
    linker.define_wasi()
    with pytest.raises(w.WasmtimeError, match="WASI is not configured"):
        linker.instantiate(store, w.Module(store.engine, HELLO))


def test_a_start_function_can_use_wasi(store: w.Store) -> None:
    pieces: list[bytes] = []
    config = w.WasiConfig()
    config.stdout_custom = pieces.append
    store.set_wasi(config)
    linker = w.Linker(store.engine)
    linker.define_wasi()
    text = HELLO.replace('(func (export "_start")', "(start $s) (func $s")
    linker.instantiate(store, w.Module(store.engine, text))
    assert pieces == [b"hello\n"]
