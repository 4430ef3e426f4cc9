from __future__ import annotations

import ast

import pytest

from wasmwright.binary.decode import decode
from wasmwright.text import parse
from wasmwright.tools.stubs import stubs

MODULE = """
(module
  (memory (export "memory") 1) (table (export "t") 1 funcref)
  (global (export "g") i32 (i32.const 1)) (global (export "class") i32 (i32.const 1))
  (func (export "add") (param $left i32) (param $right.x i64) (result i32) (local.get 0))
  (func (export "two") (param funcref f64 v128) (result i64 externref)
    (i64.const 1) (ref.null extern))
  (func (export "a b") (param i32)))
"""


def test_stubs_of_a_module() -> None:
    text = stubs(decode(parse(MODULE)), "codec.wasm")
    assert text == (
        "# Exports of codec.wasm; made by `wasmwright stubs`.\n"
        "\n"
        "from typing import Any\n"
        "\n"
        "from wasmwright import Func, Global, Memory, Table\n"
        "\n\n"
        "class _add(Func):\n"
        "    def __call__(self, left: int, right_x: int, /, *, timeout: float | None = None) -> int: ...\n"
        "    async def aio(self, left: int, right_x: int, /, *, timeout: float | None = None) -> int: ...\n"
        "\n\n"
        "class _two(Func):\n"
        "    def __call__(self, p0: Func | None, p1: float, p2: bytes, /, *, timeout: float | None = None) -> tuple[int, Any]: ...\n"
        "    async def aio(self, p0: Func | None, p1: float, p2: bytes, /, *, timeout: float | None = None) -> tuple[int, Any]: ...\n"
        "\n\n"
        "memory: Memory\n"
        "t: Table\n"
        "g: Global\n"
        "# 'class': global\n"
        "add: _add\n"
        "two: _two\n"
        "# 'a b': func [i32] -> []\n"
    )


def test_stubs_of_a_class() -> None:
    text = stubs(decode(parse(MODULE)), "codec.wasm", "Codec")
    assert "from typing import Any, Protocol\n" in text
    assert "\n\nclass _add(Func):\n    def __call__(self, left: int" in text
    assert "\n\nclass Codec(Protocol):\n    memory: Memory\n" in text
    assert "    add: _add\n" in text


def test_a_class_of_a_function_has_a_name_that_no_export_has() -> None:
    text = stubs(decode(parse('(module (func (export "f")) (func (export "_f")))')), "x.wasm")
    assert "\nf: __f\n_f: ___f\n" in text


@pytest.mark.parametrize("class_name", [None, "Empty"])
@pytest.mark.parametrize(
    "source",
    [
        MODULE,
        "(module)",
        '(module (func (export "a b")))',
        '(module (func (export "f") (param i32)))',
    ],
)
def test_stubs_are_python(source: str, class_name: str | None) -> None:
    ast.parse(stubs(decode(parse(source)), "x.wasm", class_name))
