"""What a start loads: each of these would cost every start milliseconds, some of them 50."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HELLO = Path(__file__).parents[1] / "examples" / "hello.wasm"
HEAVY = {"llvmlite", "asyncio", "hashlib", "platformdirs", "filelock", "rich", "numpy", "json"}


def loaded(code: str, **environment: str) -> set[str]:
    """The modules that are there after the code, in a new process."""
    report = "\nimport sys; sys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code + report],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
        env={**os.environ, **environment},
    )
    return {*done.stderr.split()}


@pytest.mark.parametrize(
    ("code", "others"),
    [
        ("import wasmwright", {"dataclasses", "inspect", "pathlib", "click", "ctypes"}),
        ("import wasmwright; wasmwright.Instance", {"click", "wasmwright.text"}),
        ("import wasmwright.cli", {"wasmwright.api", "ctypes", "click"}),
        ("import wasmwright.cli.program", {"click"}),
    ],
)
def test_an_import_loads_what_it_needs(code: str, others: set[str]) -> None:
    assert not (HEAVY | others) & loaded(code)


def test_a_program_from_the_cache_loads_no_compiler(tmp_path: Path) -> None:
    code = f"from wasmwright import wasi; wasi.run({str(HELLO)!r}).check()"
    environment = {"WASMWRIGHT_CACHE": str(tmp_path), "WASMWRIGHT_TIER": "optimised"}
    first, second = (loaded(code, **environment) for _ in range(2))
    assert "llvmlite" in first
    assert not HEAVY & second
    assert not {name for name in second if name.startswith("wasmwright.codegen.llvm.lower")}


def test_a_program_begins_in_baseline_code_without_a_compiler() -> None:
    code = f"from wasmwright import wasi; wasi.run({str(HELLO)!r}).check()"
    assert not HEAVY & loaded(code, WASMWRIGHT_CACHE="off", WASMWRIGHT_TIER="auto")
