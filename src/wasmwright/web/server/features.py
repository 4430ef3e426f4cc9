"""The feature page's modules: one a proposal, whose export ``test`` gives 42 where it works."""

from __future__ import annotations

import base64
import functools
from typing import Any, Final

from wasmwright import features as flags
from wasmwright.api.instance import Instance
from wasmwright.api.module import Module
from wasmwright.errors import WasmError
from wasmwright.text import parse

_MVP: Final = "the first version"
_TEST: Final = '(func (export "test") (result i32) '

# By name: the release that has it, what it is, and a module.
PROBES: Final[dict[str, tuple[str, str, str]]] = {
    _MVP: (
        "1.0",
        "Integers, floats, one memory and table",
        f"{_TEST} (i32.add (i32.const 40) (i32.trunc_f64_s (f64.sqrt (f64.const 4)))))",
    ),
    "mutable-globals": (
        "2.0",
        "Globals that change, exported and imported",
        f'(global $g (export "g") (mut i32) (i32.const 41)) {_TEST}'
        "(global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g))",
    ),
    "sign-extension": (
        "2.0",
        "i32.extend8_s and its kin",
        f"{_TEST} (i32.sub (i32.const 0) (i32.extend8_s (i32.const 0xd6))))",
    ),
    "saturating-float-to-int": (
        "2.0",
        "Conversions to integers that do not trap",
        f"{_TEST} (i32.sub (i32.trunc_sat_f64_s (f64.const 1e99)) (i32.const 2147483605)))",
    ),
    "multi-value": (
        "2.0",
        "Functions and blocks with several results",
        f"(func $two (result i32 i32) (i32.const 50) (i32.const 8)) {_TEST} (call $two) i32.sub)",
    ),
    "reference-types": (
        "2.0",
        "References to functions and to the host's objects",
        f"(table $t 1 externref) {_TEST}"
        "(i32.add (ref.is_null (table.get $t (i32.const 0))) (i32.const 41)))",
    ),
    "bulk-memory": (
        "2.0",
        "memory.copy, memory.fill, passive segments",
        f"(memory 1) {_TEST} (memory.fill (i32.const 8) (i32.const 42) (i32.const 4))"
        "(memory.copy (i32.const 0) (i32.const 8) (i32.const 4)) (i32.load8_u (i32.const 3)))",
    ),
    "simd": (
        "2.0",
        "Vectors of 128 bits",
        f"{_TEST} (i32x4.extract_lane 2 (i32x4.mul (v128.const i32x4 1 2 6 4)"
        "(i32x4.splat (i32.const 7)))))",
    ),
    "extended-const": (
        "3.0",
        "Arithmetic in constant expressions",
        f"(global $g i32 (i32.mul (i32.const 6) (i32.const 7))) {_TEST} (global.get $g))",
    ),
    "tail-call": (
        "3.0",
        "Calls that leave no frame",
        "(func $f (param i32) (result i32) (if (result i32) (local.get 0)"
        "(then (return_call $f (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 42))))"
        f"{_TEST} (call $f (i32.const 100000)))",
    ),
    "multi-memory": (
        "3.0",
        "Several memories in a module",
        f"(memory $a 1) (memory $b 1) {_TEST} (i32.store $b (i32.const 0) (i32.const 42))"
        "(i32.or (i32.load $a (i32.const 0)) (i32.load $b (i32.const 0))))",
    ),
    "function-references": (
        "3.0",
        "Typed references to functions, call_ref",
        "(type $t (func (result i32))) (func $f (type $t) (i32.const 42)) (elem declare func $f)"
        f"{_TEST} (call_ref $t (ref.func $f)))",
    ),
    "exceptions": (
        "3.0",
        "try_table, throw, throw_ref",
        f"(tag $e (param i32)) {_TEST} (block $h (result i32)"
        "(try_table (catch $e $h) (throw $e (i32.const 42))) (i32.const 0)))",
    ),
    "memory64": (
        "3.0",
        "Memories with 64-bit addresses",
        f"(memory i64 1) {_TEST} (i32.store (i64.const 8) (i32.const 42)) (i32.load (i64.const 8)))",
    ),
    "gc": (
        "3.0",
        "Structures and arrays that are collected",
        "(type $p (struct (field i32) (field i32)))"
        f"{_TEST} (struct.get $p 1 (struct.new $p (i32.const 1) (i32.const 42))))",
    ),
    "relaxed-simd": (
        "3.0",
        "Vector operations whose results may differ a little",
        f"{_TEST} (i32x4.extract_lane 0 (i32x4.relaxed_trunc_f32x4_s"
        "(f32x4.splat (f32.const 42.5)))))",
    ),
    "threads": (
        "proposed",
        "Shared memories and atomics",
        f"(memory 1 1 shared) {_TEST} (i32.atomic.store (i32.const 0) (i32.const 42))"
        "(i32.atomic.load (i32.const 0)))",
    ),
    "wide-arithmetic": (
        "proposed",
        "128-bit addition and 64 × 64 → 128-bit products",
        f"{_TEST} (i64.mul_wide_u (i64.const 0x4000000000000000) (i64.const 168))"
        "(return (i32.wrap_i64)))",
    ),
    "custom-page-sizes": (
        "proposed",
        "Memories that are measured in bytes",
        f"(memory 42 (pagesize 1)) {_TEST} (memory.size))",
    ),
    "legacy-exceptions": (
        "legacy",
        "try and catch, as browsers had them first",
        f"(tag $e (param i32)) {_TEST}"
        "(try (result i32) (do (throw $e (i32.const 42))) (catch $e)))",
    ),
}


@functools.cache
def table() -> list[dict[str, Any]]:
    """The rows: name, release, what it is, the module in base64, and whether our engine runs it."""
    rows = []
    for name, (release, text, source) in PROBES.items():
        binary = parse(f"(module {source})")
        rows.append(
            {
                "name": name,
                "release": release,
                "text": text,
                "binary": base64.b64encode(binary).decode(),
                "native": works(binary),
            }
        )
    return rows


def works(binary: bytes) -> bool:
    """Whether a probe gives 42 in the engine of this package."""
    try:
        module = Module(binary, features=flags.DEFAULT)
        return bool(Instance(module).exports["test"]() == 42)
    except WasmError:
        return False
