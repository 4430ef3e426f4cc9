"""Measures starts: how long until `wasmwright run` of a 1 MB module prints its first byte.

The module is a WASI program made here: it prints a line, and has a megabyte of functions beside
that. Starts take turns, each in a process of its own, with the code in the cache. A figure is the
least of the repeats, since whatever else runs on the machine can only add to it.

    python bench/start.py
    python bench/start.py --repeats 30 --update-docs
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report

import wasmwright as ww
from wasmwright import _build_info

FILLER = 1050  # functions of about a kilobyte

PROGRAM = """(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 16)
  (data (i32.const 8) "\\10\\00\\00\\00\\06\\00\\00\\00hello\\0a")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0))))
  %s)"""


def module() -> bytes:
    """The program, of about 1 MB."""
    step = "(i64.store (i32.wrap_i64 (local.get 0)) (i64.mul (local.get 0) (i64.const %d)))"
    functions = []
    for number in range(FILLER):
        body = " ".join(step % (number * 1000 + i) for i in range(72))
        functions.append(f'(func (export "f{number}") (param i64) {body})')
    return ww.wat2wasm(PROGRAM % " ".join(functions))


def first_byte(command: list[str], environment: dict[str, str]) -> float:
    """Seconds until a process prints something, or ends."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        elapsed = time.perf_counter() - start
        process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return elapsed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=15, help="starts of each (default: 15)")
    parser.add_argument("--update-docs", action="store_true", help="put the table into the docs")
    options = parser.parse_args()
    python = [sys.executable, "-c"]
    run = [sys.executable, "-m", "wasmwright", "run"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wasm, wwc = folder / "start.wasm", folder / "start.wwc"
        wasm.write_bytes(module())
        wwc.write_bytes(ww.Module(wasm).serialize())
        environment = {**os.environ, "WASMWRIGHT_CACHE": str(folder / "cache")}
        commands = {
            "`python -c pass`": [*python, "pass"],
            "`import wasmwright`": [*python, "import wasmwright"],
            "`import wasmwright; wasmwright.Instance`": [
                *python,
                "import wasmwright; wasmwright.Instance",
            ],
            "`wasmwright run`, from the cache": [*run, str(wasm)],
            "`wasmwright run` of a `.wwc`": [*run, str(wwc)],
        }
        times: dict[str, list[float]] = {label: [] for label in commands}
        for repeat in range(options.repeats + 1):
            for label, command in commands.items():
                elapsed = first_byte(command, environment)
                if repeat:  # the first fills the cache
                    times[label].append(elapsed)
        size = wasm.stat().st_size
    best = {label: min(values) for label, values in times.items()}
    base = best["`import wasmwright`"]
    rows = [
        [label, f"{1000 * seconds:.0f} ms", f"{seconds / base:.2f}"]
        for label, seconds in best.items()
    ]
    table = report.table([f"until the first byte, a module of {size / 1e6:.1f} MB", "", ""], rows)
    note = f"The least of {options.repeats}. Ratios are to Python with a bare `import wasmwright`."
    built = f"wasmwright {_build_info.VERSION}, {_build_info.describe()}"
    text = "\n\n".join([table, note, report.provenance([built])])
    report.publish("start", text, options.update_docs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
