"""Figures into Markdown: medians, ratios, tables, and the marked parts of docs/benchmarks.md."""

import math
import shlex
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import engines

DOCS = engines.BENCH.parent / "docs" / "benchmarks.md"


def geomean(values: Iterable[float]) -> float:
    """The geometric mean of at least one positive value."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


def spread(values: Sequence[float]) -> float:
    """How far the samples lie apart: (largest - smallest) / median."""
    return (max(values) - min(values)) / statistics.median(values)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column to the left, the others to the right."""
    align = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, align, *rows))


def command_line() -> str:
    """The command that is running, as one would type it in the repository's root."""
    arguments = [a for a in sys.argv[1:] if a != "--update-docs"]
    script = Path(sys.argv[0]).resolve().relative_to(engines.BENCH.parent)
    return shlex.join(["python", str(script), *arguments])


def provenance(versions: Iterable[str]) -> str:
    """The lines under a table: how it was made, and on what."""
    about = engines.machine()
    return (
        f"Made by `{command_line()}` on {about['cpu']}, {about['cores']} cores, "
        f"{about['system']}, {about['python']}; {'; '.join(versions)}."
    )


def publish(section: str, text: str, docs: bool) -> None:
    """Prints a section's text; with ``docs`` it goes into docs/benchmarks.md, too."""
    print(text)
    if docs:
        update_docs(section, text)


def update_docs(section: str, text: str) -> None:
    """Replaces what stands between the markers of `section` in docs/benchmarks.md."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    page = DOCS.read_text()
    if page.count(begin) != 1 or page.count(end) != 1:
        raise SystemExit(f"docs/benchmarks.md lacks the markers {begin} and {end}")
    before, rest = page.split(begin)
    after = rest.split(end)[1]
    DOCS.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
    print(f"updated docs/benchmarks.md, section {section}")
