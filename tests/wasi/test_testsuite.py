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

KINDS = ["host", "memory", "overlay"]


def programs() -> list[Path]:
    folder = os.environ.get("WASI_TESTSUITE")
    return sorted(Path(folder).glob("tests/*/testsuite/wasm32-wasip1/*.wasm")) if folder else []


def expectations(path: Path) -> dict[str, Any]:
    file = path.with_suffix(".json")
    return json.loads(file.read_text()) if file.exists() else {}  # type: ignore[no-any-return]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """An item for each program and kind of directory; for programs without one, just one."""
    if "kind" in metafunc.fixturenames:
        cases = [
            pytest.param(path, kind, id=f"{path.parents[2].name}/{path.stem}-{kind}")
            for path in programs()
            for kind in (
                ["host", "memory", "overlay"] if "root" in expectations(path) else ["none"]
            )
        ]
        missing = pytest.mark.skip(reason=f"the WASI test suite is not here: {GET}")
        metafunc.parametrize(
            ("path", "kind"), cases or [pytest.param(None, None, marks=missing, id="missing")]
        )


def test_the_suite_is_whole() -> None:
    if "WASI_TESTSUITE" not in os.environ:
        pytest.skip("there is none")
    assert len(programs()) >= 72, f"the built programs are missing: {GET}"


@cache
def command(path: Path) -> wasi.Command:
    return wasi.Command(path)


def test_program(path: Path, kind: str, tmp_path: Path) -> None:
    expected = expectations(path)
    dirs: dict[str, Any] = {}
    if kind != "none":
        root = tmp_path / "root"  # a copy: programs leave things behind
        shutil.copytree(path.parent / expected["root"], root, symlinks=True)
        dirs["/"] = {
            "host": lambda: root,
            "memory": lambda: wasi.MemoryDirectory(wasi.read_tree(wasi.HostDirectory(root))),
            "overlay": lambda: wasi.OverlayDirectory(root),
        }[kind]()
    result = command(path)(
        expected.get("args", []), argv0="command", env=expected.get("env", {}), dirs=dirs
    )
    assert result.exit_code == expected.get("exit_code", 0), result.stderr.decode()
    if "stdout" in expected:
        assert result.stdout.decode() == expected["stdout"]
