from __future__ import annotations

import hashlib
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import wasmwright as ww
from wasmwright.codegen import ahead, cpu
from wasmwright.runtime import native

EXAMPLES = Path(__file__).parents[2] / "examples"

MODULE = """
(module
  (type $binary (func (param i64 i64) (result i64)))
  (import "env" "log" (func $log (param f32) (result i32)))
  (memory (export "memory") 1)
  (table (export "t") 2 externref)
  (tag $e (export "e") (param i32))
  (type $pair (struct (field i32) (field i32)))
  (table $hidden 1 funcref)
  (elem (table $hidden) (i32.const 0) func $sub)
  (func $sub (type $binary) (i64.sub (local.get 0) (local.get 1)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "log") (param f32) (result i32) (call $log (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "throw") (throw $e (i32.const 7)))
  (func (export "pair") (result i32)
    (struct.get $pair 0 (struct.new $pair (i32.const 4) (i32.const 5))))
  (func (export "sub") (result funcref) (table.get $hidden (i32.const 0))))
"""

# All that an instance can do, with no compiler in reach.
WITHOUT_LLVM = """
import os, sys
os.environ["WASMWRIGHT_CACHE"] = "off"

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "llvmlite":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""
USE = """
import wasmwright as ww
from pathlib import Path

module = ww.Module.load(Path(sys.argv[1]))
instance = ww.Instance(module, {"env": {"log": lambda x: int(2 * x)}})
exports = instance.exports
exports.memory[8] = 77
exports.t[0] = "object"
assert (exports.add(2, 3), exports.log(1.5), exports.load(8), exports.t[0]) == (5, 3, 77, "object")
assert (exports.sub()(9, 2), exports.pair()) == (7, 4)
for call, kind in ((lambda: exports.load(-4), ww.Trap), (exports.throw, ww.WasmException)):
    try:
        call()
    except kind as error:
        pass
    else:
        raise AssertionError(kind)
module.restore(instance.snapshot(), {"env": {"log": print}}) if exports.t.__setitem__(0, None) else 0
module.compile()
assert "llvmlite" not in sys.modules
"""


@pytest.fixture(scope="module")
def made() -> bytes:
    return ww.Module(MODULE).serialize()


def test_a_module_runs_where_there_is_no_llvmlite(made: bytes, tmp_path: Path) -> None:
    path = tmp_path / "module.wwc"
    path.write_bytes(made)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LLVM + USE, path],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_runs_where_there_is_no_llvmlite(tmp_path: Path) -> None:
    path = tmp_path / "hello.wwc"
    path.write_bytes(ww.Module(EXAMPLES / "hello.wasm").serialize())
    code = WITHOUT_LLVM + "from wasmwright.cli import main; main(['run', *sys.argv[1:]])"
    command = [sys.executable, "-c", code, path, "Ada"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.stdout, done.returncode) == ("Hello, Ada!\n", 0), done.stderr


def test_without_a_compiler_the_command_line_says_so() -> None:
    code = (
        WITHOUT_LLVM
        + "from wasmwright.cli import main; main(['run', '--tier', 'optimised', sys.argv[1]])"
    )
    command = [sys.executable, "-c", code, EXAMPLES / "hello.wasm"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.stdout, done.returncode) == ("Hello, world!\n", 0)
    assert done.stderr.startswith("wasmwright has no LLVM (No module named 'llvmlite'")
    assert done.stderr.count("\n") == 1


def test_the_options_are_kept(tmp_path: Path) -> None:
    text = '(module (memory (export "m") 1) (func (export "f") (loop (br 0))))'
    module = ww.Module.load(ww.Module(text, guard=False, fuel=True, level=1).serialize())
    instance = ww.Instance(module, fuel=1000)
    assert not instance.exports.m.guarded
    with pytest.raises(ww.ExhaustionError, match="all fuel consumed"):
        instance.exports.f()


def test_its_code_is_used(made: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ww.Module.load(made)
    monkeypatch.setattr("wasmwright.codegen.llvm.lower.lower_unit", None)
    exports = ww.Instance(module, {"env": {"log": int}}).exports
    assert exports.add(2, 3) == 5
    again = pickle.loads(pickle.dumps(module))
    assert ww.Instance(again, {"env": {"log": int}}).exports.add(2, 3) == 5


def test_it_is_loaded_only_where_that_is_asked_for(made: bytes, tmp_path: Path) -> None:
    """Who takes modules from strangers must not run machine code of theirs."""
    path = tmp_path / "module.wasm"
    path.write_bytes(made)
    for source in (made, path):
        with pytest.raises(ww.MalformedError, match=r"machine code.*Module\.load"):
            ww.Module(source)
        assert not ww.validate(source)
    with pytest.raises(ww.CompileError, match="not a file of code"):
        ww.Module.load(b"\0asm\1\0\0\0")
    with pytest.raises(TypeError, match="bytes or a path, not str"):
        ww.Module.load("module.wwc")


def test_damage_of_any_kind_is_an_error(made: bytes) -> None:
    chosen = random.Random(1)
    cases = [made[:size] for size in (8, 9, 40, len(made) // 2, len(made) - 1)]
    cases += [made + b"\0"]
    for _ in range(30):
        at = chosen.randrange(8, len(made))
        cases.append(made[:at] + bytes([made[at] ^ 1 << chosen.randrange(8)]) + made[at + 1 :])
    for data in cases:
        with pytest.raises(ww.CompileError, match="damaged or truncated"):
            ww.Module.load(data)


def test_a_wrong_file_with_a_right_hash_is_an_error_too(made: bytes) -> None:
    chosen = random.Random(2)
    body = made[:-32]
    end = body.index(b"wasm")
    for _ in range(200):
        at = chosen.randrange(8, end)
        changed = body[:at] + bytes([chosen.randrange(256)]) + body[at + 1 :]
        data = changed + hashlib.blake2b(changed, digest_size=32).digest()
        try:
            ww.Module.load(data)
        except ww.CompileError:
            pass


def remade(made: bytes, monkeypatch: pytest.MonkeyPatch, name: str, change: object) -> bytes:
    with monkeypatch.context() as context:
        parsed = ahead.parse(made)
        if hasattr(parsed, name):
            setattr(parsed, name, change)
        else:
            context.setattr(ahead, name, change)
        return ahead.dump(parsed)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("arch", "aarch64", "the code is for aarch64; this machine is x86_64"),
        ("cpu", "x86-64-v9", "malformed"),
        ("source_identity", lambda: b"other", "another version of wasmwright"),
    ],
)
def test_code_for_something_else_is_refused(
    made: bytes, monkeypatch: pytest.MonkeyPatch, name: str, change: object, message: str
) -> None:
    with pytest.raises(ww.CompileError, match=message):
        ww.Module.load(remade(made, monkeypatch, name, change))


def test_code_for_a_newer_cpu_or_another_machine_is_refused(
    made: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = b"model name : Old\nflags : fpu sse sse2 ssse3 cx16 lahf_lm pni sse4_1 sse4_2 popcnt avx2"
    module = ww.Module("(module)")
    native, newer = module.serialize(cpu="native"), module.serialize(cpu="x86-64-v3")
    ww.Module.load(native)
    monkeypatch.setattr(cpu, "describe", lambda: old)
    ww.Module.load(made)
    with pytest.raises(ww.CompileError, match="this CPU lacks avx bmi1 bmi2 f16c fma abm"):
        ww.Module.load(newer)
    with pytest.raises(ww.CompileError, match="the very machine"):
        ww.Module.load(native)


def test_only_stubs_that_the_package_lacks_are_in_the_file(made: bytes) -> None:
    assert not ahead.parse(made).parts
    text = '(module (func (export "f") (param f64 i64 f32 i64) (result i64) (local.get 3)))'
    data = ww.Module(text).serialize()
    assert sorted(ahead.parse(data).parts) == ["stubs dlfl_l"]
    found = ww.Instance(ww.Module.load(data)).exports.f
    assert found(1, 2, 3, 4) == 4
    stubs = native.get().stubs
    assert "dlfl_l" in stubs._found.keys() - stubs._generic


@pytest.mark.parametrize(("arch", "machine"), [("aarch64", 183), ("arm64", 183), ("riscv64", 243)])
def test_code_is_compiled_for_other_architectures(arch: str, machine: int) -> None:
    text = (
        '(module (memory 1) (func (export "f") (param i32) (result f64) (f64.load (local.get 0))))'
    )
    body = ww.Module(text).serialize(target=arch)[:-32]
    at = body.index(b"\x7fELF")
    assert int.from_bytes(body[at + 18 : at + 20], "little") == machine


def test_what_cannot_be_compiled_for_is_named() -> None:
    module = ww.Module("(module (func (drop (v128.const i64x2 1 2))))")
    for named, message in (
        ({"target": "m68k"}, "x86_64, aarch64, riscv64, not 'm68k'"),
        ({"cpu": "pentium"}, "not 'pentium'"),
        ({"target": "aarch64", "cpu": "native"}, "native is x86_64"),
    ):
        with pytest.raises(ValueError, match=message):
            module.serialize(**named)
    module.serialize(target="aarch64")
    with pytest.raises(ww.WasmError, match=r"v128\.const for riscv64"):
        module.serialize(target="riscv64")


def test_large_modules_are_whole(script: Callable[..., object]) -> None:
    functions = "".join(
        f'(func (export "f{i}") (param i64) (result i64) {"(local.get 0) (i64.const 3) i64.mul drop " * 60}'
        f"(call {max(0, i - 300)} (i64.const {i})) (i64.const {i}) i64.add)"
        for i in range(1, 400)
    )
    text = f'(module (func (export "f0") (param i64) (result i64) (local.get 0)) {functions})'
    loaded, plain = ww.Module.load(ww.Module(text).serialize(cpu="native")), ww.Module(text)
    assert len(loaded._ahead.units) > 1
    one, other = ww.Instance(loaded).exports, ww.Instance(plain).exports
    for i in (399, 0, 250, 301, 17):
        assert one[f"f{i}"](5) == other[f"f{i}"](5)
