from __future__ import annotations

import importlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import wasmwright as ww
import wasmwright.importer

CODEC = """
(module $codec (import "env" "log" (func $log (param i32)))
  (memory (export "memory") 1)
  (func (export "add") (param i32 i32) (result i32)
    (call $log (local.get 0)) (i32.add (local.get 0) (local.get 1))))
"""
WASI = """
(module (import "wasi_snapshot_preview1" "random_get" (func $r (param i32 i32) (result i32)))
  (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $n (i32.const 7)))
  (func (export "f") (result i32) (drop (call $r (i32.const 0) (i32.const 4))) (global.get $n)))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_file_becomes_a_module(folder: Path) -> None:
    (folder / "codec_a.wat").write_text(CODEC)
    (folder / "codec_a_imports.py").write_text("seen = []\nenv = {'log': seen.append}\n")
    codec = importlib.import_module("codec_a")
    assert codec.add(2, 3) == 5
    assert importlib.import_module("codec_a_imports").seen == [2]
    assert isinstance(codec.memory, ww.Memory)
    assert isinstance(codec.__wasm__, ww.Instance)
    assert codec.__file__ == str(folder / "codec_a.wat")


def test_binaries_come_before_text_and_python_before_both(folder: Path) -> None:
    (folder / "pick_a.wasm").write_bytes(
        ww.wat2wasm('(module (func (export "f") (result i32) (i32.const 1)))')
    )
    (folder / "pick_a.wat").write_text("(module)")
    assert importlib.import_module("pick_a").f() == 1
    (folder / "pick_b.wat").write_text("(module)")
    (folder / "pick_b.py").write_text("x = 3\n")
    assert importlib.import_module("pick_b").x == 3


def test_packages_and_zip_files_are_searched(folder: Path, tmp_path: Path) -> None:
    (folder / "pack_a").mkdir()
    (folder / "pack_a" / "__init__.py").touch()
    (folder / "pack_a" / "inner.wat").write_text(WASI)
    assert importlib.import_module("pack_a.inner").f() == 7
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("pack_b/__init__.py", "")
        file.writestr("pack_b/inner.wat", WASI)
    sys.path.insert(0, str(archive))
    try:
        assert importlib.import_module("pack_b.inner").f() == 7
    finally:
        sys.path.remove(str(archive))


def test_a_module_reaches_nothing_that_was_not_given(folder: Path) -> None:
    (folder / "bad_a.wat").write_text('(module (import "os" "getpid" (func (result i32))))')
    with pytest.raises(ImportError, match="unknown import\n  os.getpid") as caught:
        importlib.import_module("bad_a")
    assert caught.value.name == "bad_a"


def test_a_wrong_file_is_an_import_error_and_a_missing_one_is_not_found(folder: Path) -> None:
    (folder / "bad_b.wat").write_text("(module (func")
    with pytest.raises(ImportError, match="bad_b: "):
        importlib.import_module("bad_b")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_wasm")


def test_an_error_in_the_imports_comes_out(folder: Path) -> None:
    (folder / "bad_c.wat").write_text(CODEC)
    (folder / "bad_c_imports.py").write_text("import no_such_module_either\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_either"):
        importlib.import_module("bad_c")


def test_the_finder_is_installed_once() -> None:
    wasmwright.importer.install()
    finders = [f for f in sys.meta_path if isinstance(f, wasmwright.importer.WasmFinder)]
    assert len(finders) == 1
