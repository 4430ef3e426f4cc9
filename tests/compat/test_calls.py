"""Calls both ways, and traps."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

import wasmwright.compat.wasmtime as w

I32, I64 = w.ValType.i32(), w.ValType.i64()
F32, F64 = w.ValType.f32(), w.ValType.f64()
Instantiate = Callable[..., w.InstanceExports]


def test_calls_take_the_store_first_and_give_signed_results(
    instance: Instantiate, store: w.Store
) -> None:
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


def test_wrong_parameters_are_refused(instance: Instantiate, store: w.Store) -> None:
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


def test_references_pass_through(instance: Instantiate, store: w.Store) -> None:
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


def test_exports_are_found_by_name_by_index_and_by_attribute(
    instance: Instantiate, store: w.Store
) -> None:
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


def test_calls_from_another_thread(instance: Instantiate, store: w.Store) -> None:
    f = instance(store, '(module (func (export "f") (result i32) (i32.const 4)))')["f"]
    results = []
    thread = threading.Thread(target=lambda: results.append(f(store)))
    thread.start()
    thread.join()
    assert results == [4]


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


def test_exceptions_of_host_functions_come_out_as_themselves(
    instance: Instantiate, store: w.Store
) -> None:
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
def test_a_host_function_can_ask_for_its_caller(
    instance: Instantiate, store: w.Store, how: str
) -> None:
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


def test_a_host_function_that_asks_for_its_caller_must_have_the_type(
    instance: Instantiate, store: w.Store
) -> None:
    f = w.Func(store, w.FuncType([F64], []), lambda caller, x: None, access_caller=True)
    with pytest.raises(w.WasmtimeError, match="incompatible import type for `::f`"):
        instance(store, CALLER, f)


def test_each_instance_is_the_caller_of_its_own_calls(
    instance: Instantiate, store: w.Store
) -> None:
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
    instance: Instantiate, store: w.Store, body: str, code: w.TrapCode, words: str
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
