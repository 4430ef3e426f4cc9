"""Lists source files over 500 lines, longest first: each probably has two subjects.

A report, not a verdict: always exits 0. Tables are left out: `[tool.wasmwright] tables` in
pyproject.toml lists them.

Usage: python dev/check_sizes.py [REPOSITORY]
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

LIMIT = 500
FOLDERS = ("src", "tests", "dev", "bench", "fuzz")
SUFFIXES = {".py", ".js"}


def long_files(root: Path) -> list[tuple[int, Path]]:
    """(lines, path relative to `root`) of every file over the limit, longest first."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    patterns: list[str] = settings["tool"]["wasmwright"]["tables"]
    tables = {file for pattern in patterns for file in root.glob(pattern)}
    found = []
    for folder in FOLDERS:
        for file in (root / folder).rglob("*"):
            if file.suffix in SUFFIXES and file.is_file() and file not in tables:
                with file.open("rb") as lines:
                    count = sum(1 for _ in lines)
                if count > LIMIT:
                    found.append((count, file.relative_to(root)))
    return sorted(found, key=lambda entry: (-entry[0], entry[1]))


def main(arguments: list[str]) -> int:
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    found = long_files(root)
    for count, file in found:
        print(f"{count:6} {file}")
    print(f"sizes: {len(found) or 'no'} file{'' if len(found) == 1 else 's'} over {LIMIT} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
