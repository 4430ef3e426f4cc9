"""Code for engines that only interpret JavaScript, and where accesses to memory trap in any code."""

from __future__ import annotations

import json
import subprocess

import pytest

from wasmwright.text import parse

RUN = """
const { readFileSync } = require("node:fs");
delete globalThis.WebAssembly;
const { WebAssembly } = require(process.argv[1]);
const calls = JSON.parse(process.argv[3]);
let views = 0;
const { getInt32 } = DataView.prototype;
DataView.prototype.getInt32 = function (...given) {
  views++;
  return getInt32.apply(this, given);
};
const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const { exports } = new WebAssembly.Instance(module);
const results = calls.map(([name, ...given]) => {
  try {
    return String(exports[name](...given));
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    return "trap";
  }
});
console.log(JSON.stringify({ results, views }));
"""


@pytest.fixture(params=["polyfill", "interpreting_polyfill"])
def library(request):
    """The polyfill's file, as it is and with code for engines that interpret."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def call(node, tmp_path):
    """``call(library, text, [[name, argument …] …])``: results as strings, and calls of a view."""

    def call_(library, text, calls, *flags):
        path = tmp_path / "module.wasm"
        path.write_bytes(parse(text))
        command = [node, *flags, "-e", RUN, str(library), str(path), json.dumps(calls)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        return found["results"], found["views"]

    return call_


LOADS = """
(module
  (memory (export "memory") 1 3)
  (data (i32.const 8) "\\01\\02\\03\\04\\05\\06\\07\\88\\09\\0a\\0b\\0c")
  (func (export "i32") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "far") (param i32) (result i32) (i32.load offset=4 (local.get 0)))
  (func (export "sum") (param i32) (result i32) (i32.load (i32.add (local.get 0) (i32.const 8))))
  (func (export "u16") (param i32) (result i32) (i32.load16_u (local.get 0)))
  (func (export "s8") (param i32) (result i32) (i32.load8_s (local.get 0)))
  (func (export "chain") (param i32) (result i32)
    (i32.load (i32.sub (i32.load (local.get 0)) (i32.load offset=4 (local.get 0)))))
  (func (export "odd") (param i32) (result f64)
    (f64.store (i32.const 33) (f64.const 1.5))
    (f64.store (local.get 0) (f64.load (i32.const 33)))
    (f64.load (local.get 0)))
  (func (export "move") (param i32 i32) (i64.store (local.get 0) (i64.load (local.get 1))))
  (func (export "clear") (param i32) (i64.store (local.get 0) (i64.const -2)))
  (func (export "low") (param i32) (result i32) (i32.wrap_i64 (i64.load (local.get 0))))
  (func (export "grow") (result i32) (memory.grow (i32.const 1))))
"""


def test_loads_and_stores_at_any_address(call, library):
    end = 65536
    results, _ = call(
        library,
        LOADS,
        [
            *(["i32", 8], ["i32", 9], ["i32", end - 4], ["i32", end - 3], ["i32", -4]),
            *(["far", 4], ["far", 5], ["far", end - 8], ["far", end - 7], ["far", -4]),
            *(
                ["sum", 0],
                ["sum", 1],
                ["sum", -8],
                ["sum", -9],
                ["sum", end - 12],
                ["sum", -(2**31)],
            ),
            *(["u16", 13], ["u16", end - 1], ["s8", 15], ["s8", end], ["s8", -1]),
            *(["chain", 16], ["odd", 48], ["odd", 51], ["odd", end - 7]),
            *(["clear", 52], ["i32", 52], ["i32", 56], ["clear", end - 4], ["i32", end - 4]),
            *(
                ["low", end - 8],
                ["low", end - 4],
                ["move", 64, 8],
                ["i32", 68],
                ["move", 64, end - 4],
            ),
            *(["grow"], ["i32", end + 4], ["move", end, 8], ["i32", end + 4], ["low", end - 4]),
        ],
    )
    word, high = str(0x04030201), str(-0x77F8F9FB)
    assert results == [
        *(word, str(0x05040302), "0", "trap", "trap"),
        *(word, str(0x05040302), "0", "trap", "trap"),
        *(word, str(0x05040302), "0", "trap", "0", "trap"),
        *(str(0x0706), "trap", "-120", "trap", "trap"),
        *("trap", "1.5", "1.5", "trap"),
        *("undefined", "-2", "-1", "trap", "0"),
        *("0", "trap", "undefined", high, "trap"),
        *("1", "0", "undefined", high, "0"),
    ]


HALVES = """
(module
  (memory 1)
  (global $g (mut i64) (i64.const 5))
  (func (export "and") (param i32) (result i64)
    (i64.and (i64.load8_u (local.get 0)) (i64.const 0x100000000)))
  (func (export "low") (param i32) (result i64) (i64.and (i64.load (local.get 0)) (i64.const 1)))
  (func (export "other") (param i32) (result i64)
    (i64.and (i64.extend_i32_u (local.get 0)) (i64.load (local.get 0))))
  (func (export "wrap") (param i32) (result i32) (i32.wrap_i64 (i64.load (local.get 0))))
  (func (export "store") (param i32) (i64.store32 (i32.const 0) (i64.load (local.get 0))))
  (func (export "count") (param i32) (result i64) (i64.rotl (i64.const 3) (i64.load (local.get 0))))
  (func (export "drop") (param i32) (drop (i64.load (local.get 0))))
  (func (export "bits") (param i32) (result i32)
    (i32.wrap_i64 (i64.reinterpret_f64 (f64.load (local.get 0)))))
  (func (export "set") (param i32) (global.set $g (i64.load (local.get 0))))
  (func (export "get") (result i64) (global.get $g)))
"""


def test_both_halves_of_64_bits_are_accessed_where_one_is_used(call, library):
    names = ["and", "low", "other", "wrap", "store", "count", "drop", "bits", "set"]
    at = [["and", 65536], *([name, 65532] for name in names[1:])]
    results, _ = call(library, HALVES, [*at, ["get"], *([name, 65528] for name in names)])
    assert results[:10] == ["trap"] * 9 + ["5"]
    assert results[10:] == ["0", "0", "0", "0", "undefined", "3", "undefined", "0", "undefined"]


def test_an_engine_that_only_interprets_is_recognised(call, polyfill):
    """By what its code calls: there a typed array is read instead of a view."""
    calls = [["i32", 8]] * 10
    assert call(polyfill, LOADS, calls) == ([str(0x04030201)] * 10, 10)
    assert call(polyfill, LOADS, calls, "--jitless") == ([str(0x04030201)] * 10, 0)
