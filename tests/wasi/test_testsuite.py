"""WebAssembly/wasi-testsuite: its programs for preview 1, on each kind of directory.

Looked for in $WASI_TESTSUITE, a checkout of the branch `prod/testsuite-base`, which has the built
programs. `adapter.py` in this directory is for the suite's own runner.
"""

from __future__ import annotations

import json
import os
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from wasmwright import wasi

GET = (
    "git clone --depth 1 --branch prod/testsuite-base "
    "https://github.com/WebAssembly/wasi-testsuite, and set WASI_TESTSUITE to it"
)


def programs() -> list[Path]:
    folder = os.environ.get("WASI_TESTSUITE")
    return sorted(Path(folder).glob("tests/*/testsuite/wasm32-wasip1/*.wasm")) if folder else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "path" in metafunc.fixturenames:
        found = programs()
        ids = [f"{path.parents[2].name}/{path.stem}" for path in found]
        metafunc.parametrize("path", found, ids=ids)


def test_the_suite_is_there_and_whole() -> None:
    if "WASI_TESTSUITE" not in os.environ:
        pytest.skip(f"the WASI test suite is not here: {GET}")
    assert len(programs()) >= 72, f"the built programs are missing: {GET}"


@cache
def command(path: Path) -> wasi.Command:
    return wasi.Command(path)


@pytest.mark.parametrize("kind", ["host", "memory", "overlay"])
def test_program(path: Path, kind: str, tmp_path: Path) -> None:
    expected: dict[str, Any] = {}
    if path.with_suffix(".json").exists():
        expected = json.loads(path.with_suffix(".json").read_text())
    dirs: dict[str, Any] = {}
    if root := expected.get("root"):
        shutil.copytree(path.parent / root, tmp_path / "root", symlinks=True)
        dirs["/"] = {
            "host": lambda: tmp_path / "root",
            "memory": lambda: wasi.MemoryDirectory(
                wasi.read_tree(wasi.HostDirectory(tmp_path / "root"))
            ),
            "overlay": lambda: wasi.OverlayDirectory(tmp_path / "root"),
        }[kind]()
    elif kind != "host":
        pytest.skip("uses no directory")
    result = command(path)(
        expected.get("args", []), argv0="command", env=expected.get("env", {}), dirs=dirs
    )
    assert result.exit_code == expected.get("exit_code", 0), result.stderr.decode()
    if "stdout" in expected:
        assert result.stdout.decode() == expected["stdout"]
