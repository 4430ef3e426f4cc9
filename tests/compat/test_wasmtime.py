"""The stand-in for the `wasmtime` package, by what that package does (version 50)."""

from __future__ import annotations

import ctypes
import importlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import wasmwright.compat.wasmtime as w
from wasmwright.compat.wasmtime import component

I32, I64 = w.ValType.i32(), w.ValType.i64()
F32, F64 = w.ValType.f32(), w.ValType.f64()
EXTERNREF, FUNCREF = w.ValType.externref(), w.ValType.funcref()


@pytest.fixture
def store() -> w.Store:
    return w.Store()


def instance(store: w.Store, text: str, *imports: object) -> w.InstanceExports:
    made = w.Instance(store, w.Module(store.engine, text), list(imports))
    return made.exports(store)


# -- standing in -------------------------------------------------------------------------------


def test_it_can_stand_in_for_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wasmtime", w)
    monkeypatch.delitem(sys.modules, "wasmtime.component", raising=False)
    namespace: dict[str, object] = {}
    exec(
        "import wasmtime\nfrom wasmtime import Store, Engine\nimport wasmtime.component", namespace
    )
    assert namespace["Store"] is w.Store
    monkeypatch.delitem(sys.modules, "wasmtime.component")


def test_every_public_name_is_there() -> None:
    for name in w.__all__:
        assert getattr(w, name) is not None


# -- types and values --------------------------------------------------------------------------


def test_value_types_compare_and_print() -> None:
    assert w.ValType.i32() == I32
    assert I32 != I64
    assert I32 != "i32"
    assert [str(each) for each in (I32, F64, EXTERNREF, FUNCREF)] == [
        "i32",
        "f64",
        "anyref",
        "funcref",
    ]
    with pytest.raises(w.WasmtimeError):
        w.ValType()


def test_types_have_their_parts() -> None:
    ty = w.FuncType([I32, F64], [I64])
    assert (ty.params, ty.results) == ([I32, F64], [I64])
    with pytest.raises(TypeError):
        w.FuncType(["i32"], [])  # type: ignore[list-item]
    assert w.GlobalType(F32, True).content == F32
    table = w.TableType(FUNCREF, w.Limits(1, None))
    assert (table.element, table.limits) == (FUNCREF, w.Limits(1, None))
    memory = w.MemoryType(w.Limits(1, 2))
    assert (memory.limits, memory.is_64, memory.is_shared, memory.page_size) == (
        w.Limits(1, 2),
        False,
        False,
        65536,
    )
    with pytest.raises(w.WasmtimeError, match="minimum size too large"):
        w.MemoryType(w.Limits(1 << 32, None))


def test_values_know_their_type() -> None:
    assert w.Val.i32(3).value == 3
    assert w.Val.i32(2**32 + 3) == 3
    assert w.Val.i64(-1).as_i64() == -1
    assert w.Val.i64(-1).as_i32() is None
    assert w.Val.f32(0.5).type == F32
    assert w.Val.ref_null(FUNCREF).value is None
    with pytest.raises(w.WasmtimeError):
        w.Val.ref_null(I32)
    with pytest.raises(TypeError):
        w.Val.i32(1.5)  # type: ignore[arg-type]


# -- modules -----------------------------------------------------------------------------------


def test_a_module_lists_imports_and_exports(store: w.Store) -> None:
    module = w.Module(
        store.engine,
        '(module (import "a" "f" (func (param i32))) (import "a" "m" (memory 1 2))'
        ' (global (export "g") (mut f64) (f64.const 0)) (table (export "t") 3 externref))',
    )
    first, second = module.imports
    assert (first.module, first.name) == ("a", "f")
    assert isinstance(first.type, w.FuncType)
    assert first.type.params == [I32]
    assert isinstance(second.type, w.MemoryType)
    assert second.type.limits == w.Limits(1, 2)
    glob, table = module.exports
    assert isinstance(glob.type, w.GlobalType)
    assert glob.type.mutable
    assert isinstance(table.type, w.TableType)
    assert table.type.element == EXTERNREF


def test_modules_come_from_text_binary_and_files(store: w.Store, tmp_path: Path) -> None:
    binary = w.wat2wasm('(module (func (export "f")))')
    assert isinstance(binary, bytearray)
    (tmp_path / "a.wasm").write_bytes(binary)
    (tmp_path / "a.wat").write_text('(module (func (export "f")))')
    for module in (
        w.Module(store.engine, binary),
        w.Module(store.engine, b'(module (func (export "f")))'),
        w.Module.from_file(store.engine, tmp_path / "a.wasm"),
        w.Module.from_file(store.engine, str(tmp_path / "a.wat")),
    ):
        assert [export.name for export in module.exports] == ["f"]


def test_wrong_modules_are_wasmtime_errors(store: w.Store) -> None:
    for source in ("(module (func", b"\0asm\1\0\0\0\7", "(module (func (result i32)))", b""):
        with pytest.raises(w.WasmtimeError):
            w.Module(store.engine, source)
    with pytest.raises(w.WasmtimeError):
        w.Module.validate(store.engine, b"\0asm")
    w.Module.validate(store.engine, b"\0asm\1\0\0\0")
    with pytest.raises(TypeError):
        w.Module(store.engine, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        w.Module("engine", b"")  # type: ignore[arg-type]


def test_serialised_modules_come_back_and_foreign_bytes_do_not(
    store: w.Store, tmp_path: Path
) -> None:
    module = w.Module(store.engine, '(module (func (export "f") (result i32) (i32.const 7)))')
    encoded = module.serialize()
    assert isinstance(encoded, bytearray)
    path = tmp_path / "a.cwasm"
    path.write_bytes(encoded)
    for again in (
        w.Module.deserialize(store.engine, encoded),
        w.Module.deserialize_file(store.engine, str(path)),
    ):
        assert w.Instance(store, again, []).exports(store)["f"](store) == 7
    for wrong in (b"\x7fELF whatever", b"", b"\0asm\1\0\0\0", encoded[:30]):
        with pytest.raises(w.WasmtimeError):
            w.Module.deserialize(store.engine, wrong)
    with pytest.raises(w.WasmtimeError):
        w.Module.deserialize_file(store.engine, str(tmp_path / "none"))


# -- calls -------------------------------------------------------------------------------------


def test_calls_take_the_store_first_and_give_signed_results(store: w.Store) -> None:
    exports = instance(
        store,
        '(module (func (export "id") (param i32) (result i32) (local.get 0))'
        ' (func (export "two") (param i64 f32) (result f32 i64) (local.get 1) (local.get 0))'
        ' (func (export "none")))',
    )
    assert exports["id"](store, 5) == 5
    assert exports["id"](store, 2**32 - 1) == -1
    assert exports["id"](store, 2**32 + 9) == 9
    assert exports["id"](store, w.Val.i32(8)) == 8
    assert exports["two"](store, -3, 0.5) == [0.5, -3]
    assert exports["none"](store) is None


def test_wrong_parameters_are_refused(store: w.Store) -> None:
    f = instance(store, '(module (func (export "f") (param i32)))')["f"]
    with pytest.raises(w.WasmtimeError, match="too few parameters provided: given 0, expected 1"):
        f(store)
    with pytest.raises(w.WasmtimeError, match="too many parameters"):
        f(store, 1, 2)
    for wrong in (1.5, "1", None, w.Val.i64(1)):
        with pytest.raises(TypeError):
            f(store, wrong)
    with pytest.raises(TypeError, match="expected a Store"):
        f(1, 2)


def test_references_pass_through(store: w.Store) -> None:
    exports = instance(
        store,
        '(module (func (export "ext") (param externref) (result externref) (local.get 0))'
        ' (func (export "fun") (param funcref) (result funcref) (local.get 0)))',
    )
    thing = object()
    assert exports["ext"](store, thing) is thing
    assert exports["ext"](store, None) is None
    assert exports["fun"](store, None) is None
    back = exports["fun"](store, exports["ext"])
    assert isinstance(back, w.Func)
    assert back(store, thing) is thing


def test_exports_are_found_by_name_by_index_and_by_attribute(store: w.Store) -> None:
    exports = instance(store, '(module (memory (export "m") 1) (func (export "f")))')
    assert list(exports) == ["m", "f"]
    assert isinstance(exports["m"], w.Memory)
    assert isinstance(exports[1], w.Func)  # type: ignore[index]
    assert exports.by_index[1] is exports["f"] is exports.f
    assert exports.get("x") is None
    with pytest.raises(KeyError):
        exports["x"]
    with pytest.raises(AttributeError):
        _ = exports.x


def test_calls_from_another_thread(store: w.Store) -> None:
    f = instance(store, '(module (func (export "f") (result i32) (i32.const 4)))')["f"]
    results = []
    thread = threading.Thread(target=lambda: results.append(f(store)))
    thread.start()
    thread.join()
    assert results == [4]


# -- host functions ----------------------------------------------------------------------------


def test_a_host_function_converts_like_the_package(store: w.Store) -> None:
    seen: list[object] = []
    f = w.Func(store, w.FuncType([I32, F64], []), lambda *args: seen.append(args))
    f(store, 2**32 - 1, 0.5)
    assert seen == [(-1, 0.5)]
    assert w.Func(store, w.FuncType([], [I32]), lambda: 2**32 + 7)(store) == 7
    assert w.Func(store, w.FuncType([], [I32, I32]), lambda: (1, 2))(store) == [1, 2]
    with pytest.raises(w.WasmtimeError, match="produced results when it shouldn't"):
        w.Func(store, w.FuncType([], []), lambda: 1)(store)
    with pytest.raises(w.WasmtimeError, match="wrong number of results"):
        w.Func(store, w.FuncType([], [I32, I32]), lambda: (1,))(store)
    with pytest.raises(TypeError, match="don't know how to convert None to i32"):
        w.Func(store, w.FuncType([], [I32]), lambda: None)(store)


def test_exceptions_of_host_functions_come_out_as_themselves(store: w.Store) -> None:
    def fail() -> None:
        raise LookupError("mine")

    f = w.Func(store, w.FuncType([], []), fail)
    exports = instance(store, '(module (import "" "" (func $f)) (func (export "g") (call $f)))', f)
    with pytest.raises(LookupError, match="mine"):
        exports["g"](store)

    def trap() -> None:
        raise w.Trap("on purpose")

    exports = instance(
        store,
        '(module (import "" "" (func $f)) (func (export "g") (call $f)))',
        w.Func(store, w.FuncType([], []), trap),
    )
    with pytest.raises(w.Trap) as caught:
        exports["g"](store)
    assert caught.value.message == str(caught.value) == "on purpose"
    assert caught.value.trap_code is None
    assert caught.value.frames == []


CALLER = """
(module (import "" "f" (func $f (param i32)))
  (memory (export "memory") 1) (data (i32.const 16) "hello")
  (func (export "run") (call $f (i32.const 16))))
"""


@pytest.mark.parametrize("how", ["func", "linker", "start"])
def test_a_host_function_can_ask_for_its_caller(store: w.Store, how: str) -> None:
    seen: list[object] = []
    callers: list[w.Caller] = []

    def f(caller: w.Caller, pointer: int) -> None:
        memory = caller.get("memory")
        assert isinstance(memory, w.Memory)
        seen.append(bytes(memory.read(caller, pointer, pointer + 5)))
        assert caller.get("nothing") is None
        with pytest.raises(KeyError):
            caller["nothing"]
        assert isinstance(caller["run"], w.Func)
        callers.append(caller)

    ty = w.FuncType([I32], [])
    if how == "func":
        exports = instance(store, CALLER, w.Func(store, ty, f, access_caller=True))
        exports["run"](store)
    else:
        linker = w.Linker(store.engine)
        linker.define_func("", "f", ty, f, access_caller=True)
        text = (
            CALLER
            if how == "linker"
            else CALLER.rstrip()[:-1] + "(func $s (call $f (i32.const 16))) (start $s))"
        )
        made = linker.instantiate(store, w.Module(store.engine, text))
        if how == "linker":
            made.exports(store)["run"](store)
    assert seen == [b"hello"]
    assert callers[0].get("memory") is None
    with pytest.raises(ValueError, match="no longer valid"):
        instance(store, '(module (func (export "f")))')["f"](callers[0])


def test_a_host_function_that_asks_for_its_caller_must_have_the_type(store: w.Store) -> None:
    f = w.Func(store, w.FuncType([F64], []), lambda caller, x: None, access_caller=True)
    with pytest.raises(w.WasmtimeError, match="incompatible import type for `::f`"):
        instance(store, CALLER, f)


def test_each_instance_is_the_caller_of_its_own_calls(store: w.Store) -> None:
    sizes = []

    def f(caller: w.Caller, pointer: int) -> None:
        sizes.append(caller["memory"].size(caller))

    shared = w.Func(store, w.FuncType([I32], []), f, access_caller=True)
    small = instance(store, CALLER, shared)
    large = instance(store, CALLER.replace('"memory") 1', '"memory") 3'), shared)
    small["run"](store)
    large["run"](store)
    small["run"](store)
    assert sizes == [1, 3, 1]


# -- traps -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("unreachable", w.TrapCode.UNREACHABLE, "wasm `unreachable` instruction executed"),
        (
            "(drop (i32.load (i32.const 65536)))",
            w.TrapCode.MEMORY_OUT_OF_BOUNDS,
            "out of bounds memory access",
        ),
        (
            "(drop (i32.div_s (i32.const 1) (i32.const 0)))",
            w.TrapCode.INTEGER_DIVISION_BY_ZERO,
            "integer divide by zero",
        ),
        (
            "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
            w.TrapCode.INTEGER_OVERFLOW,
            "integer overflow",
        ),
        (
            "(drop (i32.trunc_f32_s (f32.const nan)))",
            w.TrapCode.BAD_CONVERSION_TO_INTEGER,
            "invalid conversion to integer",
        ),
        ("(call $f)", w.TrapCode.STACK_OVERFLOW, "call stack exhausted"),
        (
            "(call_indirect (i32.const 0))",
            w.TrapCode.INDIRECT_CALL_TO_NULL,
            "uninitialized element",
        ),
        (
            "(call_indirect (i32.const 5))",
            w.TrapCode.TABLE_OUT_OF_BOUNDS,
            "undefined element: out of bounds table access",
        ),
        (
            "(call_indirect (i32.const 1))",
            w.TrapCode.BAD_SIGNATURE,
            "indirect call type mismatch",
        ),
    ],
)
def test_traps_have_code_message_and_frames(
    store: w.Store, body: str, code: w.TrapCode, words: str
) -> None:
    f = instance(
        store,
        "(module $m (memory 1) (table 2 funcref) (elem (i32.const 1) $g) (func $g (param i32))"
        f' (func $f (export "f") {body}))',
    )["f"]
    with pytest.raises(w.Trap) as caught:
        f(store)
    trap = caught.value
    assert not isinstance(trap, w.WasmtimeError)
    assert trap.trap_code == code
    assert trap.message.startswith("error while executing at wasm backtrace:\n    0: ")
    assert f"wasm trap: {words}" in str(trap)
    frame = trap.frames[0]
    assert (frame.func_index, frame.func_name, frame.module_name) == (1, "f", "m")
    assert isinstance(frame.module_offset, int)


# -- memories, tables, globals -----------------------------------------------------------------


def test_memory_reads_and_writes_like_a_list(store: w.Store) -> None:
    memory = w.Memory(store, w.MemoryType(w.Limits(1, 2)))
    assert memory.size(store) == 1
    assert memory.data_len(store) == 65536
    assert memory.write(store, b"abc", 10) == 3
    assert memory.read(store, 10, 13) == bytearray(b"abc")
    assert memory.read(store, 13, 10) == b""
    assert len(memory.read(store)) == 65536
    assert memory.write(store, bytearray(b"xyz"), -3) == 3
    assert memory.read(store, -3) == b"xyz"
    for start, data in ((65536, b"a"), (65535, b"ab")):
        with pytest.raises(IndexError):
            memory.write(store, data, start)
    assert memory.grow(store, 1) == 1
    with pytest.raises(w.WasmtimeError, match="failed to grow memory by `1`"):
        memory.grow(store, 1)
    with pytest.raises(w.WasmtimeError):
        memory.grow(store, -1)
    assert memory.type(store).limits == w.Limits(2, 2)


def test_memory_gives_raw_pointers(store: w.Store) -> None:
    memory = w.Memory(store, w.MemoryType(w.Limits(1)))
    pointer = memory.data_ptr(store)
    pointer[5] = 77
    assert memory.read(store, 5, 6) == bytes([77])
    buffer = memory.get_buffer_ptr(store, 4, 4)
    assert bytes(buffer) == bytes([0, 77, 0, 0])
    buffer[0] = 9
    assert pointer[4] == 9
    assert ctypes.sizeof(memory.get_buffer_ptr(store)) == 65536
    with pytest.raises(IndexError):
        memory.get_buffer_ptr(store, 65536, 1)


def test_tables(store: w.Store) -> None:
    table = w.Table(store, w.TableType(FUNCREF, w.Limits(2, 4)), None)
    assert table.size(store) == 2
    null = table.get(store, 0)
    assert isinstance(null, w.Val)
    assert null.value is None
    assert table.get(store, 5) is None
    f = w.Func(store, w.FuncType([], [I32]), lambda: 3)
    table.set(store, 1, f)
    found = table.get(store, 1)
    assert isinstance(found, w.Func)
    assert found(store) == 3
    with pytest.raises(w.WasmtimeError):
        table.set(store, 2, None)
    assert table.grow(store, 1, f) == 2
    assert table.get(store, 2)(store) == 3
    with pytest.raises(w.WasmtimeError, match="failed to grow table by `5`"):
        table.grow(store, 5, None)
    exports = instance(
        store,
        '(module (import "" "t" (table 3 funcref)) (type $t (func (result i32)))'
        ' (func (export "call") (param i32) (result i32)'
        " (call_indirect (type $t) (local.get 0))))",
        table,
    )
    assert exports["call"](store, 1) == 3


def test_globals(store: w.Store) -> None:
    mutable = w.Global(store, w.GlobalType(I32, True), 3)
    assert mutable.value(store) == 3
    mutable.set_value(store, w.Val.i32(-4))
    assert mutable.value(store) == -4
    with pytest.raises(TypeError):
        mutable.set_value(store, 1.5)
    fixed = w.Global(store, w.GlobalType(F64, False), 1.5)
    with pytest.raises(w.WasmtimeError, match="immutable global cannot be set"):
        fixed.set_value(store, 2.0)
    assert fixed.type(store).content == F64
    exports = instance(
        store,
        '(module (import "" "g" (global $g (mut i32)))'
        ' (func (export "bump") (global.set $g (i32.add (global.get $g) (i32.const 1)))))',
        mutable,
    )
    exports["bump"](store)
    assert mutable.value(store) == -3


# -- linking -----------------------------------------------------------------------------------


def test_imports_are_given_by_position(store: w.Store) -> None:
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


# -- WASI --------------------------------------------------------------------------------------

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


# -- limits and stopping -----------------------------------------------------------------------


def test_limits_of_a_store(store: w.Store) -> None:
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


def test_counted_limits(store: w.Store) -> None:
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


def test_an_epoch_deadline_stops_a_loop(ticking: w.Engine) -> None:
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


def test_a_store_begins_at_its_deadline(ticking: w.Engine) -> None:
    store = w.Store(ticking)
    exports = instance(store, LOOP)
    with pytest.raises(w.Trap, match="interrupt"):
        exports["one"](store)


def test_an_epoch_stops_only_the_stores_whose_deadline_it_is(ticking: w.Engine) -> None:
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


# -- configuration -----------------------------------------------------------------------------


def test_settings_that_change_nothing_are_taken() -> None:
    config = w.Config()
    for name in ("debug_info", "parallel_compilation", "memory_init_cow", "wasm_component_model"):
        setattr(config, name, True)
    config.cranelift_opt_level = "speed"
    config.strategy = "auto"
    config.profiler = "none"
    config.cache = True
    config.max_wasm_stack = 1 << 20
    config.memory_reservation = 1 << 32
    config.cranelift_flag_set("a", "b")
    w.Engine(config)
    for name, value in (("debug_info", 1), ("max_wasm_stack", "1"), ("wasm_simd", None)):
        with pytest.raises(TypeError):
            setattr(config, name, value)
    for name, wrong in (("strategy", "x"), ("cranelift_opt_level", "x"), ("cache", False)):
        with pytest.raises(w.WasmtimeError):
            setattr(config, name, wrong)
    with pytest.raises(AttributeError):
        _ = config.wasm_simd


def test_settings_that_would_change_what_happens_are_refused_by_name() -> None:
    config = w.Config()
    for name, words in (
        ("wasm_stack_switching", "stack switching"),
        ("cranelift_nan_canonicalization", "NaN canonicalization"),
    ):
        setattr(config, name, False)
        with pytest.raises(w.WasmtimeError, match=f"{words} is not supported"):
            setattr(config, name, True)
    with pytest.raises(w.WasmtimeError, match="another target"):
        config.target = "aarch64-unknown-linux-gnu"
    with pytest.raises(w.WasmtimeError, match="component model is not supported"):
        component.Component(w.Engine(), b"")


def test_proposals_can_be_switched_off() -> None:
    config = w.Config()
    config.wasm_simd = False
    text = "(module (func (result v128) (v128.const i64x2 0 0)))"
    with pytest.raises(w.WasmtimeError):
        w.Module(w.Engine(config), text)
    w.Module(w.Engine(), text)


# -- stores ------------------------------------------------------------------------------------


def test_a_closed_store_is_of_no_use(store: w.Store) -> None:
    f = instance(store, '(module (func (export "f")))')["f"]
    with w.Store(data={"a": 1}) as other:
        assert other.data() == {"a": 1}
    with pytest.raises(ValueError, match="already closed"):
        w.Memory(other, w.MemoryType(w.Limits(1)))
    store.close()
    with pytest.raises(ValueError, match="already closed"):
        f(store)


def test_a_pointer_stays_good_while_its_store_lives(store: w.Store) -> None:
    exports = instance(store, '(module (memory (export "m") 1) (data (i32.const 0) "abc"))')
    pointer = exports["m"].data_ptr(store)
    del exports
    importlib.import_module("gc").collect()
    assert bytes(pointer[:3]) == b"abc"


def test_one_module_under_many_stores() -> None:
    engine = w.Engine()
    module = w.Module(
        engine,
        '(module (global $n (mut i32) (i32.const 0)) (func (export "next") (result i32)'
        " (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))",
    )
    for _ in range(100):
        store = w.Store(engine)
        assert w.Instance(store, module, []).exports(store)["next"](store) == 1


# -- fuel --------------------------------------------------------------------------------------


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


def test_fuel_is_consumed_and_runs_out(fuelled: w.Store) -> None:
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


def test_fuel_belongs_to_the_store_whatever_runs(fuelled: w.Store) -> None:
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


def test_older_names_of_fuel(fuelled: w.Store) -> None:
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
