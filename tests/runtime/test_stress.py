"""Going over to optimised code as early as can be changes nothing: a small part of fuzz/stress.py."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FUZZ = Path(__file__).parents[2] / "fuzz"
PROGRAMS = range(8)
# With loops, and with handlers around them.
SCRIPTS = [
    "core/loop.wast",
    "core/exceptions/try_table.wast",
    "legacy/exceptions/try_catch.wast",
    "legacy/exceptions/rethrow.wast",
    "legacy/exceptions/try_delegate.wast",
]


@pytest.fixture(scope="module")
def fuzzer() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("fuzz_stress", FUZZ / "stress.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FUZZ))
        patch.setenv("WASMWRIGHT_CACHE", "off")
        spec.loader.exec_module(module)
        yield module


@pytest.fixture
def stress(fuzzer: ModuleType) -> Iterator[Any]:
    with fuzzer.Stress().active(waiting=True) as stress:
        yield stress


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_of_the_suite(fuzzer: ModuleType, stress: Any, name: str) -> None:
    if not fuzzer.SUITE.exists():
        pytest.skip("the official test suite is not here")
    assert not list(fuzzer.suite_differences(stress, 0, name))
    assert stress.told > 0
    assert not stress.failed


def test_programs_made_by_chance(fuzzer: ModuleType) -> None:
    watcher = fuzzer.Stress()
    with watcher.active(waiting=True) as stress:
        assert not [each for seed in PROGRAMS for each in fuzzer.program_differences(stress, seed)]
    assert watcher.entered > 0
    assert not watcher.failed
