"""SQLite (npm ``sql.js``) in a browser: natively, as its own asm.js build, and under the polyfill.

``python bench/web/sqlite_browser.py chromium|firefox FOLDER_OF_SQL_JS [--repeat N]`` prints a
table: milliseconds from the first statement to the last, and the ratio to asm.js. Each run is a
worker of its own, in turns; a run's translation of functions is part of its time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from browsers import browse

from wasmwright.web.build import library

ENGINES = ("native", "asm", "polyfill")

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("browser", choices=["chromium", "firefox"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    dist = options.folder / "dist"
    files = {
        "/worker.js": (HERE / "sqlite_worker.js").read_bytes(),
        "/sqlite_work.js": (HERE / "sqlite_work.js").read_bytes(),
        "/wasmwright.js": library().encode(),
        **{
            f"/{name}": (dist / name).read_bytes()
            for name in ("sql-asm.js", "sql-wasm.js", "sql-wasm.wasm")
        },
    }
    agent, reports = browse(options.browser, files, ["sqlite"], options.repeat, ENGINES)
    print(f"{agent}\n\n| engine | inserts | index | queries | recursion | sum |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    sums = {}
    for how in ENGINES:
        runs = [report for report in reports if report.get("how") == how]
        for report in runs:
            if "error" in report:
                print(f"{how}: {report['error']}")
                return 1
        parts = [
            statistics.median(times) for times in zip(*(r["times"] for r in runs), strict=True)
        ]
        sums[how] = statistics.median(sum(r["times"]) for r in runs)
        print(f"| {how} | {' | '.join(f'{part:.0f}' for part in parts)} | {sums[how]:.0f} |")
    same = len({report["output"] for report in reports if "output" in report}) == 1
    print(f"\npolyfill to asm.js: {sums['polyfill'] / sums['asm']:.2f}")
    if not same:
        print("results differ")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
