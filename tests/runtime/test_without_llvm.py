"""What runs where llvmlite is not installed: everything, in baseline code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

WITHOUT_LLVM = """
import os, sys
os.environ["WASMWRIGHT_CACHE"] = "off"

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "llvmlite":
            {how}

sys.meta_path.insert(0, Blocker())
"""
ABSENT = "raise ModuleNotFoundError(f'No module named {name!r}', name=name)"
BROKEN = "raise OSError('libllvmlite.so: cannot open shared object file')"
RUN = "from wasmwright.cli import main; main(['run', *sys.argv[1:]])"


def run(
    code: str, *arguments: object, how: str = ABSENT, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_LLVM.format(how=how) + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        input=typed,
    )


@pytest.mark.parametrize(
    ("program", "typed", "arguments", "output"),
    [
        ("hello", "", ["Ada"], "Hello, Ada!"),
        ("wc", "one two\nthree\n", [], "2 3 14"),
        ("calc", "2 * (3 + 4)\n", [], "14"),
    ],
)
def test_programs_run(program: str, typed: str, arguments: list[str], output: str) -> None:
    path = EXAMPLES / f"{program}.wasm"
    check = "import atexit; atexit.register(lambda: print('llvmlite' in sys.modules))\n"
    baseline = run(check + RUN, "--tier", "baseline", path, *arguments, typed=typed)
    assert (baseline.returncode, baseline.stderr) == (0, "")
    said, found = baseline.stdout.rsplit("\n", 2)[:2]
    assert (output.split(), found) == (said.split(), "False")
    optimised = run(RUN, "--tier", "optimised", path, *arguments, typed=typed)
    assert (optimised.returncode, optimised.stdout.split()) == (0, said.split())
    assert optimised.stderr.count("\n") == 1
    assert "wasmwright has no LLVM (No module named 'llvmlite" in optimised.stderr


def test_llvm_that_does_not_load_is_as_none() -> None:
    done = run(RUN, "--tier", "optimised", EXAMPLES / "hello.wasm", how=BROKEN)
    assert (done.returncode, done.stdout) == (0, "Hello, world!\n")
    assert "has no LLVM (libllvmlite.so: cannot open shared object file)" in done.stderr


EVERYTHING = """
import gc
import wasmwright as ww

calls = []
module = ww.Module('''(module
  (import "h" "f" (func $f (param i32 i64 f32 f64 v128 externref i32 i32) (result f64 externref)))
  (memory (export "m") 1 2)
  (table (export "t") 3 externref)
  (func (export "host") (param i32 externref) (result f64 externref)
    (call $f (local.get 0) (i64.const -2) (f32.const 1.5) (f64.const 2.5)
      (v128.const i32x4 1 2 3 4) (local.get 1) (i32.const 7) (i32.const 8)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func $deep (export "deep") (param i32) (result i32)
    (i32.add (call $deep (local.get 0)) (i32.const 1)))
  (func (export "spin") (loop (br 0))))''', tier="baseline")

def f(*args):
    calls.append(args)
    return args[3], args[5]

instance = ww.Instance(module, {"h": {"f": f}})
e = instance.exports
thing = object()
assert e.host(3, thing) == (2.5, thing)
vector = b"".join(n.to_bytes(4, "little") for n in (1, 2, 3, 4))
assert calls == [(3, -2, 1.5, 2.5, vector, thing, 7, 8)], calls
assert e.grow() == 1 and len(memoryview(e.m)) == 2 << 16
e.t[0] = type("Thing", (), {})()
gc.collect()
instance.heap.collect()
assert type(e.t[0]).__name__ == "Thing"
e.t[0] = None
for call, kind in ((lambda: e.load(-4), ww.Trap), (lambda: e.deep(1), ww.ExhaustionError)):
    try:
        call()
    except kind:
        continue
    raise AssertionError(kind)
try:
    with ww.deadline(0.1):
        e.spin()
except ww.InterruptError:
    print("stopped")
module.restore(ww.Instance(module, {"h": {"f": f}}).snapshot(), {"h": {"f": f}})
assert "llvmlite" not in sys.modules
fuelled = ww.Module('(module (func (export "f") (loop (br 0))))', fuel=True, tier="baseline")
try:
    ww.Instance(fuelled, fuel=9).exports.f()
except ww.ExhaustionError as error:
    print(str(error).partition("\\n")[0])
"""


def test_all_that_an_instance_can_do() -> None:
    done = run(EVERYTHING)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["stopped", "all fuel consumed"]


HOT = """
import time
import wasmwright as ww

module = ww.Module('''(module (func (export "sum") (param i32) (result i32) (local i32)
  (loop
    (local.set 1 (i32.add (local.get 1) (local.get 0)))
    (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
    (br_if 0 (local.get 0)))
  (local.get 1)))''', tier="auto")
f = ww.Instance(module).exports.sum
for _ in range(50):
    assert f(2_000_000) % (1 << 32) == 2_000_000 * 2_000_001 // 2 % (1 << 32)
    time.sleep(0.01)
"""


def test_what_is_hot_goes_on_in_baseline_code_with_one_line() -> None:
    done = run(HOT)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("wasmwright has no LLVM (No module named 'llvmlite")
    assert done.stderr.count("\n") == 1


ALL_AT_ONCE = """
import io
import wasmwright as ww
binary = ww.wat2wasm("(module (func (export \\"f\\") (result i32) (i32.const 7)))")
for tier in ("auto", "baseline", "optimised"):
    whole = ww.Module(binary, tier=tier)
    whole.compile()
    arrived = ww.Module.from_stream(io.BytesIO(binary), tier=tier, compile=True)
    print(tier, *(ww.Instance(each).exports.f() for each in (whole, arrived)))
"""


def test_everything_can_be_compiled_at_once() -> None:
    done = run(ALL_AT_ONCE)
    assert (done.returncode, done.stdout) == (0, "auto 7 7\nbaseline 7 7\noptimised 7 7\n")
    assert done.stderr.startswith("wasmwright has no LLVM")
    assert done.stderr.count("\n") == 1
