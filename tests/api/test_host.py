from __future__ import annotations

import gc
import inspect
import weakref
from typing import TYPE_CHECKING

import pytest

import wasmwright as ww
from wasmwright import f32, i64

if TYPE_CHECKING:
    from wasmwright import Instance

CALLS = """
(module (import "env" "f" (func $f (param i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "call") (param i32) (result i32) (call $f (local.get 0))))
"""


def plain(x: int, y: float) -> int:
    return int(x + y)


def others(x: i64, y: f32, z: ww.v128, r: ww.externref) -> tuple[i64, float]:
    return x, y


def by_name(x: "i64", y: "externref") -> "funcref":  # type: ignore # noqa: F821, PGH003, UP037
    return None


def nothing() -> None:
    pass


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (plain, "[i32 f64] -> [i32]"),
        (others, "[i64 f32 v128 externref] -> [i64 f64]"),
        (by_name, "[i64 externref] -> [funcref]"),
        (nothing, "[] -> []"),
    ],
)
def test_annotations_give_a_function_its_type(function: object, text: str) -> None:
    assert str(ww.Func(function).type) == f"func {text}"  # type: ignore[call-overload]


def test_a_type_can_be_given_instead() -> None:
    for func_type in (
        ww.FuncType(["i32", "i64"], ["f64"]),
        ww.FuncType("i32 i64", "f64"),
        ww.FuncType(params=("i32", "i64"), results=("f64",)),
    ):
        f = ww.Func(func_type, lambda x, y: x / y)
        assert f(1, 2) == 0.5
        assert f.type == func_type
    assert isinstance(f, ww.Func)
    assert ww.Func(f) is f
    assert list(inspect.signature(f).parameters) == ["p0", "p1", "timeout"]


def test_what_is_no_type_is_refused_with_its_place() -> None:
    def untyped(x):  # type: ignore[no-untyped-def]
        return x

    def odd(x: str) -> int:
        return 0

    def many(*xs: int) -> int:
        return 0

    with pytest.raises(TypeError, match=r"untyped\(\) has no annotation for x"):
        ww.Func(untyped)
    with pytest.raises(TypeError, match=r"odd\(\): the annotation .* of x is no type of wasm"):
        ww.Func(odd)
    with pytest.raises(TypeError, match=r"many\(\) has a parameter \*xs"):
        ww.Func(many)
    with pytest.raises(ValueError, match="not 'i31'"):
        ww.Func(ww.FuncType("i31", ""), lambda x: None)
    with pytest.raises(TypeError, match="expected a FuncType"):
        ww.Func("i32", lambda x: None)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        ww.Func(5)  # type: ignore[call-overload]


def test_exported_functions_are_of_that_class() -> None:
    instance = ww.Instance(ww.Module(CALLS), {"env": {"f": lambda x: x}})
    assert isinstance(instance.exports.call, ww.Func)
    assert str(instance.exports.call.type) == "func [i32] -> [i32]"
    assert instance.exports.call.name == "call"


def test_a_typed_function_is_checked_against_the_import() -> None:
    module = ww.Module(CALLS)
    fits = ww.Func(ww.FuncType("i32", "i32"), lambda x: x + 1)
    assert ww.Instance(module, {"env": {"f": fits}}).exports.call(1) == 2
    wrong = ww.Func(ww.FuncType("i64", "i32"), lambda x: x)
    with pytest.raises(ww.LinkError, match=r"given func \[i64\] -> \[i32\]"):
        ww.Instance(module, {"env": {"f": wrong}})


def direct(instance: ww.Instance, x: int) -> int:
    return len(instance.exports.memory) + x


def from_the_checker(instance: Instance, x: int) -> int:
    return len(instance.exports.memory) + x


class Host:
    def method(self, instance: ww.Instance, x: int) -> int:
        return len(instance.exports.memory) + x


@pytest.mark.parametrize("function", [direct, from_the_checker, Host().method])
def test_a_host_function_gets_its_instance_if_it_asks(function: object) -> None:
    instance = ww.Instance(ww.Module(CALLS), {"env": {"f": function}})
    assert instance.exports.call(3) == 131_075


def test_each_instance_gets_its_own_and_no_function_others() -> None:
    seen: list[ww.Instance] = []

    def f(instance: ww.Instance, x: int) -> int:
        seen.append(instance)
        return x

    module = ww.Module(CALLS)
    one, two = (ww.Instance(module, {"env": {"f": f}}) for _ in range(2))
    one.exports.call(0)
    two.exports.call(0)
    assert seen == [one, two]
    assert ww.Instance(module, {"env": {"f": lambda x: x}}).exports.call(9) == 9


def test_a_start_function_has_the_instance_too() -> None:
    sizes = []

    def f(instance: ww.Instance, x: int) -> int:
        sizes.append(instance.exports.memory.pages)
        return x

    ww.Instance(
        ww.Module(CALLS.rstrip()[:-1] + "(func $s (drop (call $f (i32.const 1)))) (start $s))"),
        {"env": {"f": f}},
    )
    assert sizes == [2]


def test_functions_outlive_the_instance_that_they_are_given() -> None:
    names = []

    def f(instance: ww.Instance, x: int) -> int:
        names.append(sorted(instance.exports))
        return x

    call = ww.Instance(ww.Module(CALLS), {"env": {"f": f}}).exports.call
    gc.collect()
    assert call(1) == 1
    assert names == [["call", "memory"]]


def test_asking_for_the_instance_makes_no_circle() -> None:
    instance = ww.Instance(ww.Module(CALLS), {"env": {"f": direct}})
    instance.exports.call(1)
    gone = weakref.ref(instance)
    gc.disable()
    try:
        del instance
        assert gone() is None
    finally:
        gc.enable()


def test_a_closed_instance_has_no_exports_but_its_functions_work() -> None:
    with ww.Instance(ww.Module(CALLS), {"env": {"f": lambda x: x}}) as instance:
        call = instance.exports.call
        view = memoryview(instance.exports.memory)
    with pytest.raises(ValueError, match="the instance is closed"):
        _ = instance.exports
    assert "closed" in repr(instance)
    assert not instance.interrupt()
    instance.close()
    view[0] = 1
    assert call(3) == 3


def test_everything_can_be_referred_to_weakly() -> None:
    instance = ww.Instance(
        ww.Module(
            '(module (memory (export "m") 1) (table (export "t") 1 funcref)'
            ' (global (export "g") i32 (i32.const 1)) (func (export "f")))'
        )
    )
    exports = instance.exports
    for thing in (instance, instance.module, exports, exports.m, exports.t, exports.g, exports.f):
        assert weakref.ref(thing)() is thing


def test_notebooks_get_tables() -> None:
    module = ww.Module('(module (import "a<b" "f" (func (param i32))) (memory (export "m") 1))')
    html = module._repr_html_()
    assert "a&lt;b.f" in html
    assert "func [i32] -&gt; []" in html
    instance = ww.Instance(module, {"a<b": {"f": print}})
    for html in (instance.exports._repr_html_(), instance._repr_html_()):
        assert "&lt;wasmwright.Memory 1 pages&gt;" in html
