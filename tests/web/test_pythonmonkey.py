"""``ww.js.context()`` on pythonmonkey, in a process of its own: it has one context in each."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.skipif(find_spec("pythonmonkey") is None, reason="needs pythonmonkey")

SCRIPT = r"""
import asyncio, json
import wasmwright as ww

found = {}
context = ww.js.context()
binary = ww.wat2wasm('''(module
  (import "env" "log" (func $log (param i32 i64) (result f64)))
  (memory (export "memory") 1 3)
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "call") (param i32 i64) (result f64) (call $log (local.get 0) (local.get 1)))
  (func (export "poke") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func $deep (export "deep") (call $deep))
  (func (export "trap") unreachable))''')
context["bytes"] = list(binary)
context.run('''
  const calls = [];
  const { exports: e } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes)), {
    env: { log: (a, b) => { calls.push(a, b); return 2.5; } },
  });
  const caught = (work) => { try { return work(); } catch (error) { return error; } };
''')
found["calls"] = [context.eval("e.add(40, 2)"), context.eval("e.call(1, 2n)"), context.eval("calls")]
context.run('''
  const before = e.memory.buffer;
  e.poke(3, 77);
  const seen = [new Uint8Array(before)[3]];
  e.grow();
  seen.push(e.memory.buffer.byteLength, before.byteLength);
  new Uint8Array(e.memory.buffer)[5] = 9;
''')
found["memory"] = [context.eval("seen"), list(context["e"]["memory"][0:8])]
found["errors"] = [
    context.eval("caught(() => e.trap()) instanceof WebAssembly.RuntimeError"),
    context.eval("caught(() => e.deep()).name"),
]
context["divide"] = lambda: 1 / 0
for source in ("divide()", "e.trap()", "throw new TypeError('t')"):
    try:
        context.eval(source)
    except Exception as error:
        found["errors"].append(type(error).__name__)
try:
    context.run("(")
except ww.js.JavaScriptError as error:
    found["errors"].append(error.name)
found["promises"] = [context.eval("Promise.resolve(7).then((x) => x + 1)")]


async def inside():
    return context.eval("Promise.resolve(1).then((x) => x + 2)")


found["promises"].append(asyncio.run(inside()))
try:
    ww.js.context(engine="pythonmonkey")
except ww.js.NoJavaScriptError as error:
    found["second"] = str(error)
print(json.dumps(found))
"""


def test_it_does_what_quickjs_does():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "calls": [42, 2.5, [1, 2]],
        "memory": [[77, 131072, 0], [0, 0, 0, 77, 0, 9, 0, 0]],
        "errors": [
            *(True, "RangeError", "ZeroDivisionError", "Trap", "JavaScriptError", "SyntaxError"),
        ],
        "promises": [8, 3],
        "second": "pythonmonkey has one JavaScript context in a process",
    }
