"""The benchmark programs under the polyfill and natively, in the same engine, side by side.

``python bench/web/run.py [--repeat N] [PROGRAM …]`` prints a table: milliseconds, and the ratio
polyfill to native, with the geometric mean.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from wasmwright.web.build import library

HERE = Path(__file__).parent
PROGRAMS = HERE.parent / "programs" / "wasm"


def run(flags: list[str], engine: str, program: Path, size: str) -> dict[str, float | str]:
    """One run in a process of its own."""
    command = ["node", *flags, str(HERE / "kernels.cjs"), engine, str(program), size]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    found: dict[str, float | str] = json.loads(result.stdout)
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("programs", nargs="*")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--size", default="0", help="argument of the programs")
    parser.add_argument("--flag", action="append", default=[], help="flag for node")
    parser.add_argument("--library", type=Path, help="another library to measure")
    options = parser.parse_args()
    names = options.programs or [
        p.stem for p in sorted(PROGRAMS.glob("*.wasm")) if p.stem != "strings"
    ]
    logs = []
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "wasmwright.cjs"
        file.write_text(library())
        print("| program | native ms | polyfill ms | ratio |\n| --- | ---: | ---: | ---: |")
        for name in names:
            times: dict[str, list[float]] = {"native": [], "polyfill": []}
            digests = set()
            for _ in range(options.repeat):
                for engine, path in (
                    ("native", "native"),
                    ("polyfill", str(options.library or file)),
                ):
                    found = run(options.flag, path, PROGRAMS / f"{name}.wasm", options.size)
                    times[engine].append(float(found["time_ns"]) / 1e6)
                    digests.add(found["digest"])
            native, polyfill = (statistics.median(times[each]) for each in ("native", "polyfill"))
            note = ""
            if len(digests) > 1:
                note, status = " (results differ)", 1
            else:
                logs.append(math.log(polyfill / native))
            print(
                f"| {name} | {native:.1f} | {polyfill:.1f} | {polyfill / native:.2f}{note} |",
                flush=True,
            )
    print(f"\ngeometric mean: {math.exp(sum(logs) / len(logs)):.2f}")
    return status


if __name__ == "__main__":
    sys.exit(main())
