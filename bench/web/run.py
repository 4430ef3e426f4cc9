"""The benchmark programs under the polyfill and natively, in the same engine, side by side.

``python bench/web/run.py [--suite programs|kernels|all] [--repeat N] [PROGRAM …]`` prints a table:
milliseconds, and the ratio polyfill to native, with the geometric mean. ``--against LIBRARY`` puts
another library in the place of native WebAssembly: the file of one that exports a ``WebAssembly``.

``--jitless`` runs node without its compilers, where nothing is natively WebAssembly: programs get
small sizes, and processor time is what counts. ``npm install polywasm`` in a folder, then
``python bench/web/run.py --suite all --jitless --against FOLDER/node_modules/polywasm/index.js``.
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
from typing import Final

from wasmwright.web.build import library

HERE: Final = Path(__file__).parent
SUITES: Final = ("programs", "kernels")

# Sizes for which an interpreter of JavaScript takes about a second.
_SMALL: Final = """
    base64=16 binary_trees=12 cpp_virtual=13 fannkuch=9 hashmap=64000 int64=30 interp=2400
    life=12 lz=1000 mandelbrot=500 matmul=200 nbody=80000 quicksort=180000 recursion=35
    sha256=25 sieve=15000 spectral_norm=540 stencil=11 adi=8 atax=5 bicg=6 cholesky=360
    correlation=250 covariance=240 doitgen=10 durbin=8 fdtd_2d=6 floyd_warshall=200 gemm=210
    gemver=2 gesummv=5 gramschmidt=185 heat_3d=1 jacobi_1d=2400 jacobi_2d=9 lu=285 mvt=5
    seidel_2d=20 syrk=260 trisolv=14 trmm=250 two_mm=170
"""
SMALL: Final = {name: int(size) for name, size in (each.split("=") for each in _SMALL.split())}


def programs(suite: str, wanted: list[str]) -> list[Path]:
    """The modules of a suite, or of them all; ``strings`` needs files."""
    folders = SUITES if suite == "all" else (suite,)
    found = [p for each in folders for p in sorted((HERE.parent / each / "wasm").glob("*.wasm"))]
    return [p for p in found if (p.stem in wanted if wanted else p.stem != "strings")]


def run(flags: list[str], engine: str, clock: str, program: Path, size: int) -> dict[str, str]:
    """One run in a process of its own. Raises CalledProcessError where it fails."""
    command = ["node", *flags, str(HERE / "kernels.cjs"), engine, clock, str(program), str(size)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    found: dict[str, str] = json.loads(result.stdout)
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("programs", nargs="*")
    parser.add_argument("--suite", choices=[*SUITES, "all"], default="programs")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--size", type=int, default=0, help="argument of the programs")
    parser.add_argument("--flag", action="append", default=[], help="flag for node")
    parser.add_argument("--library", type=Path, help="another file of ours to measure")
    parser.add_argument("--against", default="native", metavar="LIBRARY")
    parser.add_argument("--jitless", action="store_true", help="without node's compilers")
    options = parser.parse_args()
    flags = [*options.flag, *(["--jitless"] if options.jitless else [])]
    clock = "cpu" if options.jitless else "wall"
    other = "native" if options.against == "native" else Path(options.against).parent.name
    logs = []
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "wasmwright.cjs"
        file.write_text(library())
        print(f"| program | {other} ms | polyfill ms | ratio |\n| --- | ---: | ---: | ---: |")
        for program in programs(options.suite, options.programs):
            size = options.size or (SMALL[program.stem] if options.jitless else 0)
            times: dict[str, list[float]] = {"other": [], "polyfill": []}
            digests: dict[str, set[str]] = {"other": set(), "polyfill": set()}
            for _ in range(options.repeat):
                for who, engine in (
                    ("other", options.against),
                    ("polyfill", str(options.library or file)),
                ):
                    try:
                        found = run(flags, engine, clock, program, size)
                    except subprocess.CalledProcessError as failure:
                        found = {"time_ns": "nan", "digest": failure.stderr[-200:]}
                    times[who].append(float(found["time_ns"]) / 1e6)
                    digests[who].add(found["digest"])
            before, ours = (statistics.median(times[each]) for each in ("other", "polyfill"))
            note = ""
            if digests["other"] != digests["polyfill"]:
                note = " (results differ)"
                status |= other == "native"
            if not math.isnan(ours / before):
                logs.append(math.log(ours / before))
            print(
                f"| {program.stem} | {before:.1f} | {ours:.1f} | {ours / before:.2f}{note} |",
                flush=True,
            )
    print(f"\ngeometric mean of {len(logs)}: {math.exp(sum(logs) / len(logs)):.2f}")
    return status


if __name__ == "__main__":
    sys.exit(main())
