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
        "\n"
        "memory: Memory\n"
        "t: Table\n"
        "g: Global\n"
        "# 'class': global\n"
        "def add(left: int, right_x: int, /) -> int: ...\n"
        "def two(p0: Func | None, p1: float, p2: bytes, /) -> tuple[int, Any]: ...\n"
        "# 'a b': func [i32] -> []\n"
    )


def test_stubs_of_a_class() -> None:
    text = stubs(decode(parse(MODULE)), "codec.wasm", "Codec")
    assert "from typing import Any, Protocol\n" in text
    assert "\n\nclass Codec(Protocol):\n    memory: Memory\n" in text
    assert "    def add(self, left: int, right_x: int, /) -> int: ...\n" in text


@pytest.mark.parametrize("class_name", [None, "Empty"])
@pytest.mark.parametrize("source", [MODULE, "(module)", '(module (func (export "f") (param i32)))'])
def test_stubs_are_python(source: str, class_name: str | None) -> None:
    ast.parse(stubs(decode(parse(source)), "x.wasm", class_name))
