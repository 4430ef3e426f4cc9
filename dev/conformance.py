"""Runs the official test suite and writes its figures by folder into docs/conformance.md.

Usage: python dev/conformance.py [SUITE] [--check]

SUITE is the folder of scripts ($WASM_TESTSUITE or ../shared/testsuite by default). With --check
nothing is written, and the exit status is 1 where the page says something else.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from pathlib import Path

from wasmwright.script import run_script
from wasmwright.script.suite import features_of

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/conformance.md"
MARK = "<!-- dev/conformance.py writes the table below -->\n"


def figures(suite: Path) -> list[str]:
    """The table's lines: files, assertions that passed and that there are, per memory mode."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for path in sorted(suite.rglob("*.wast")):
        name = path.relative_to(suite).as_posix()
        row = counts[name.rpartition("/")[0]]
        row[0] += 1
        source = path.read_bytes()
        for column, guard in ((1, True), (2, False)):
            report = run_script(source, features=features_of(name), guard=guard)
            row[column] += report.passed.total()
        row[3] += report.passed.total() + report.failed.total()
    lines = ["| folder | files | guard pages | explicit checks |", "| --- | ---: | ---: | ---: |"]
    for folder, (files, guard_passed, explicit_passed, total) in sorted(counts.items()):
        cells = (f"{passed:,} of {total:,}" for passed in (guard_passed, explicit_passed))
        lines.append(f"| `{folder}` | {files} | {' | '.join(cells)} |")
    return lines


def main() -> int:
    """Write or check the page."""
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    default = os.environ.get("WASM_TESTSUITE") or ROOT.parent / "shared/testsuite"
    suite = Path(names[0] if names else default)
    if not suite.is_dir():
        sys.exit(f"{suite}: no test suite there")
    head, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    page = head + mark + "\n" + "\n".join(figures(suite)) + "\n"
    if "--check" in sys.argv:
        return int(page != PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
