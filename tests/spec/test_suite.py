"""The official test suite, one test a script, memory mode and tier.

The suite is looked for in $WASM_TESTSUITE, then in ../shared/testsuite. What is known to fail is
in ``expected_failures.txt``; what fails beyond it fails, and so does what is in it and passes.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from wasmwright.runtime.heap import STRESS_VARIABLE
from wasmwright.script import Report, run_script
from wasmwright.script.suite import features_of

ROOT = Path(__file__).parents[2]
SUITE = Path(os.environ.get("WASM_TESTSUITE") or ROOT.parent / "shared/testsuite")
HOW_TO_GET_IT = (
    "the official test suite is not here: check out https://github.com/WebAssembly/spec at commit "
    "285a9032950c and link its test/ as ../shared/testsuite, or name it in $WASM_TESTSUITE "
    "(proposals/ is from https://github.com/WebAssembly/testsuite at 193e551ff226)"
)
MODES = ("guard", "explicit")
# Folders whose scripts have objects of the heap, exceptions among them.
COLLECTED = ("core/gc/", "core/exceptions/", "legacy/exceptions/")

SCRIPTS = sorted(path.relative_to(SUITE).as_posix() for path in SUITE.rglob("*.wast"))

LINE = re.compile(
    r"(?P<path>\S+)::(?P<mode>guard|explicit|\*) (?P<lines>all|[\d,]+): (?P<reason>.+)"
)


class Expected(NamedTuple):
    """An entry of the list: the lines that fail, or None for the whole file, and why."""

    lines: frozenset[int] | None
    reason: str


def read_expected() -> dict[tuple[str, str], list[Expected]]:
    """The expected failures by script and mode."""
    found: dict[tuple[str, str], list[Expected]] = {}
    text = (Path(__file__).parent / "expected_failures.txt").read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        assert match, f"expected_failures.txt:{number}: not PATH::MODE LINES: REASON"
        lines = None if match["lines"] == "all" else frozenset(map(int, match["lines"].split(",")))
        for mode in MODES if match["mode"] == "*" else (match["mode"],):
            found.setdefault((match["path"], mode), []).append(Expected(lines, match["reason"]))
    return found


EXPECTED = read_expected()


def differences(report: Report, expected: list[Expected]) -> list[str]:
    """What a report has beyond the expected failures, and what they have beyond it."""
    failed = {failure.line for failure in report.failures}
    if any(entry.lines is None for entry in expected):
        return [] if failed else ["passed, though the whole file is expected to fail"]
    known = {line for entry in expected for line in entry.lines or ()}
    found = [str(failure) for failure in report.failures if failure.line not in known]
    return found + [f"{line}: passed unexpectedly" for line in sorted(known - failed)]


@pytest.mark.skipif(not SCRIPTS, reason=HOW_TO_GET_IT)
def test_the_suite_is_there() -> None:
    assert len(SCRIPTS) > 250


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("script", SCRIPTS)
def test_script(script: str, mode: str) -> None:
    source = (SUITE / script).read_bytes()
    report = run_script(source, features=features_of(script), guard=mode == "guard")
    assert report.passed.total() + report.failed.total() > 0
    found = differences(report, EXPECTED.get((script, mode), []))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("script", SCRIPTS)
def test_script_in_the_baseline_tier(script: str, mode: str) -> None:
    guard = mode == "guard"
    source = (SUITE / script).read_bytes()
    report = run_script(source, features=features_of(script), guard=guard, tier="baseline")
    assert report.passed.total() + report.failed.total() > 0
    found = differences(report, EXPECTED.get((script, mode), []))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("tier", ["baseline", "optimised"])
@pytest.mark.parametrize("script", [path for path in SCRIPTS if path.startswith(COLLECTED)])
def test_script_with_a_collection_at_every_allocation(
    script: str, tier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STRESS_VARIABLE, "1")
    source = (SUITE / script).read_bytes()
    report = run_script(source, features=features_of(script), tier=tier)
    assert report.passed.total() > 0
    assert not differences(report, EXPECTED.get((script, "guard"), []))


@pytest.mark.skipif(not SCRIPTS, reason=HOW_TO_GET_IT)
def test_every_expected_failure_is_of_a_script_that_exists() -> None:
    assert {path for path, _ in EXPECTED} <= set(SCRIPTS)
