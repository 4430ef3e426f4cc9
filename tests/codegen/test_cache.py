from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wasmwright.codegen import cache

PROGRAM = """
add = ww.Instance(module).exports.add  # with the stubs of its type
from wasmwright.codegen.llvm import compiler
made = []
plain = compiler.compile_ir
compiler.compile_ir = lambda *a: made.append(a) or plain(*a)
print(add(2, 3), len(made))
"""
MODULE = """(module (func (export "add") (param i32 i32) (result i32)
  (i32.add (local.get 0) (local.get 1))))"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "cache"
    monkeypatch.setenv("WASMWRIGHT_CACHE", str(made))
    monkeypatch.setenv("WASMWRIGHT_TIER", "optimised")  # only such code is kept
    return made


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that has what the program needs."""
    made = tmp_path_factory.mktemp("filled") / "cache"
    code = f"import wasmwright as ww; module = ww.Module({MODULE!r})\n{PROGRAM}"
    env = {**os.environ, "WASMWRIGHT_CACHE": str(made), "WASMWRIGHT_TIER": "optimised"}
    subprocess.run([sys.executable, "-c", code], check=True, env=env, timeout=100)
    return made


@pytest.fixture
def used(filled: Path, folder: Path) -> Path:
    """A copy of it, where the cache is."""
    shutil.copytree(filled, folder)
    return folder


def packs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.pack"))


def test_a_second_start_compiles_nothing(script: Callable[..., object], folder: Path) -> None:
    assert script(PROGRAM, module=MODULE).stdout == "5 1\n"
    assert len(packs(folder)) == 1  # the module's code; the native parts come with the package
    assert script(PROGRAM, module=MODULE).stdout == "5 0\n"


@pytest.mark.parametrize(("tier", "source"), [("baseline", "baseline"), ("auto", "cached")])
def test_each_tier_runs_its_own_code(
    script: Callable[..., object],
    used: Path,
    monkeypatch: pytest.MonkeyPatch,
    tier: str,
    source: str,
) -> None:
    monkeypatch.setenv("WASMWRIGHT_TIER", tier)
    program = """
from wasmwright.runtime import compile_log
compile_log.enable()
ww.Instance(module).exports.add(2, 3)
print({each.source for each in compile_log.entries()})
"""
    assert script(program, module=MODULE).stdout == f"{{{source!r}}}\n"


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "a bit": lambda data: data[:500] + bytes([data[500] ^ 1]) + data[501:],
    "foreign": lambda data: b"\x7fELF" + data,
    "a count beyond everything": lambda data: data[:18] + b"\xff\xff\xff\xff" + data[22:],
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_file_is_made_anew(script: Callable[..., object], used: Path, how: str) -> None:
    for path in packs(used):
        path.write_bytes(DAMAGE[how](path.read_bytes()))
    assert script(PROGRAM, module=MODULE).stdout == "5 1\n"
    assert script(PROGRAM, module=MODULE).stdout == "5 0\n"


def test_what_is_no_object_is_made_anew(script: Callable[..., object], used: Path) -> None:
    """Whatever the checksum says."""
    for path in packs(used):
        pack = cache.Pack(str(path))
        numbers = [each[0] for each in pack._objects.values()]
        path.unlink()
        for funcs in numbers:
            pack.add(funcs, b"\x7fELF" + bytes(100))
        pack.flush()
    assert script(PROGRAM, module=MODULE).stdout == "5 1\n"


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_can_write_is_not_read(
    script: Callable[..., object], used: Path, mode: int
) -> None:
    for path in packs(used):
        path.chmod(mode)
    assert script(PROGRAM, module=MODULE).stdout == "5 1\n"


def test_a_folder_that_others_can_write_is_not_used(
    script: Callable[..., object], folder: Path
) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    assert script(PROGRAM, module=MODULE).stdout == "5 1\n"
    assert not packs(folder)


@pytest.mark.parametrize("what", ["symlink", "directory", "pipe"])
def test_what_is_no_file_is_left_alone(
    script: Callable[..., object], used: Path, what: str
) -> None:
    for path in packs(used):
        moved = path.with_suffix(".moved")
        path.rename(moved)
        if what == "symlink":
            path.symlink_to(moved)
        elif what == "directory":
            path.mkdir()
        else:
            os.mkfifo(path)
    assert script(PROGRAM, module=MODULE).stdout == "5 1\n"


def test_the_folder_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache.tuning, "CACHE_SIZE", 10_000)
    for i in range(10):
        pack = cache.open_pack(bytes([i]))
        pack.add((0,), bytes(3000))
        pack.flush()
        os.utime(pack._path, (i, i))
    assert 1 <= len(packs(folder)) <= 4
    assert cache.open_pack(bytes([9])).find(0) is not None
    assert cache.open_pack(bytes([0])).find(0) is None


def test_no_cache_leaves_no_files(
    script: Callable[..., object], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WASMWRIGHT_CACHE", "off")
    assert script(PROGRAM, module=MODULE).stdout == "5 1\n"
    assert not folder.exists()
