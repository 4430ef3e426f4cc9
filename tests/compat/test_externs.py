"""Memories, tables, globals and stores."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable

import pytest

import wasmwright.compat.wasmtime as w

I32, I64 = w.ValType.i32(), w.ValType.i64()
F32, F64 = w.ValType.f32(), w.ValType.f64()
EXTERNREF, FUNCREF = w.ValType.externref(), w.ValType.funcref()
Instantiate = Callable[..., w.InstanceExports]


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


def test_a_function_read_twice_has_one_raw_handle(instance: Instantiate, store: w.Store) -> None:
    exports = instance(
        store,
        """(module
          (table (export "t") 3 funcref)
          (elem (i32.const 0) $a $a $b)
          (func $a (export "a"))
          (func $b))""",
    )
    table = exports["t"]
    first, again, other = (vars(table.get(store, index)._func) for index in range(3))
    assert first == again == vars(exports["a"]._func)
    assert first != other
    assert {"store_id", "__private"} <= first.keys()


def test_tables(instance: Instantiate, store: w.Store) -> None:
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


def test_globals(instance: Instantiate, store: w.Store) -> None:
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


def test_a_closed_store_is_of_no_use(instance: Instantiate, store: w.Store) -> None:
    f = instance(store, '(module (func (export "f")))')["f"]
    with w.Store(data={"a": 1}) as other:
        assert other.data() == {"a": 1}
    with pytest.raises(ValueError, match="already closed"):
        w.Memory(other, w.MemoryType(w.Limits(1)))
    store.close()
    with pytest.raises(ValueError, match="already closed"):
        f(store)


def test_a_pointer_stays_good_while_its_store_lives(instance: Instantiate, store: w.Store) -> None:
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


def test_a_tag_made_by_the_host_is_one_that_modules_can_throw_and_catch(store: w.Store) -> None:
    tag = w.Tag(store, w.TagType(w.FuncType([w.ValType.i32(), w.ValType.f64()], [])))
    module = w.Module(
        store.engine,
        """(module (import "e" "t" (tag $t (param i32 f64)))
          (func (export "f") (result i32 f64)
            (block $h (result i32 f64)
              (try_table (catch $t $h) (throw $t (i32.const 7) (f64.const 0.5)))
              (unreachable))))""",
    )
    instance = w.Instance(store, module, [tag])
    assert instance.exports(store)["f"](store) == [7, 0.5]
    assert [str(each) for each in tag.type(store).functype.params] == ["i32", "f64"]
    assert tag.eq(store, tag)
    assert not tag.eq(store, w.Tag(store, w.TagType(w.FuncType([], []))))


def test_types_can_be_closed() -> None:
    with w.ValType.i32() as kind, w.FuncType([kind], []) as func_type:
        assert [str(each) for each in func_type.params] == ["i32"]
    func_type.close()
