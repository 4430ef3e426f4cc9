"""Runs programs on garbage-collected objects and exceptions on every engine that is here.

A program is an export of a module in text that takes how often to do its work. Every sample is a
process of its own: it compiles, runs once with a small number and then times the full one, in the
thread's CPU time (V8 collects in other threads too, which is not counted). Engines take turns; a
figure is the median of the repeats. All must give the same result.

    python bench/gc/run.py [--repeats 5] [--only casts,lists] [--update-docs]

V8 is `node` on the PATH or in $NODE, from version 24; npm's package `node` brings one.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import report  # noqa: E402  # it lies in bench/


class Program(NamedTuple):
    """Where a program is, the number to warm up with and the one to time."""

    file: Path
    export: str
    warm: int
    full: int


THROWING = HERE.parent / "programs" / "exceptions.wat"
PROGRAMS = {
    "binary_trees": Program(HERE / "binary_trees.wat", "run", 10, 16),
    "lists": Program(HERE / "lists.wat", "run", 20, 400),
    "casts": Program(HERE / "casts.wat", "run", 50, 3000),
    "arrays": Program(HERE / "arrays.wat", "run", 2, 60),
    "throw_deep": Program(THROWING, "deep", 2_000, 50_000),
    "throw_search": Program(THROWING, "search", 20_000, 400_000),
}
ENGINES = ("wasmwright", "wasmtime", "node")
NODE = os.environ.get("NODE") or "node"

SCRIPT = """
const [, file, name, warm, full] = process.argv;
const module = new WebAssembly.Module(require("fs").readFileSync(file));
const run = new WebAssembly.Instance(module).exports[name];
const until = performance.now() + 500;
while (performance.now() < until) run(+warm);
const start = process.threadCpuUsage();
const result = run(+full);
const { user, system } = process.threadCpuUsage(start);
console.log(JSON.stringify([(user + system) / 1e6, result >>> 0]));
"""


def load_wasmwright(wasm, export):
    import wasmwright as ww

    module = ww.Module(wasm, tier="optimised")
    module.compile()
    return ww.Instance(module).exports[export]


def load_wasmtime(wasm, export):
    import wasmtime

    config = wasmtime.Config()
    config.wasm_gc = config.wasm_exceptions = config.wasm_function_references = True
    store = wasmtime.Store(wasmtime.Engine(config))
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, wasm), [])
    run = instance.exports(store)[export]
    return lambda n: run(store, n)


def timed(run, warm, full):
    run(warm)
    start = time.thread_time()
    result = run(full)
    return time.thread_time() - start, result & 0xFFFFFFFF


def sample(engine, program, wasm):
    """The seconds that a run takes in a process of its own, and its result."""
    arguments = [str(wasm), program.export, str(program.warm), str(program.full)]
    if engine == "node":
        command = [NODE, "--experimental-wasm-exnref", "-e", SCRIPT, *arguments]
    else:
        command = [sys.executable, __file__, "--sample", engine, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise SystemExit(f"{engine}, {program.file.name}: {lines[-1]}")
    seconds, result = json.loads(done.stdout)
    return seconds, result


def version(engine):
    """The engine's version, or None where it is not here."""
    if engine == "node":
        if not shutil.which(NODE):
            return None
        shown = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True)
        number = shown.stdout.strip()
        return f"node {number}" if int(number[1:].split(".")[0]) >= 24 else None
    try:
        return f"{engine} {metadata.version(engine)}"
    except metadata.PackageNotFoundError:
        return None


def measure(programs, engines, repeats):
    """The samples of each engine for each program, in seconds; that results agree."""
    from wasmwright.text import parse

    times = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in programs:
            program = PROGRAMS[name]
            wasm = Path(folder) / f"{name}.wasm"
            wasm.write_bytes(parse(program.file.read_text()))
            samples = times[name] = {engine: [] for engine in engines}
            results = set()
            for _ in range(repeats):
                for engine in engines:
                    seconds, result = sample(engine, program, wasm)
                    samples[engine].append(seconds)
                    results.add(result)
            if len(results) != 1:
                raise SystemExit(f"{name}: results differ: {results}")
            shown = ", ".join(
                f"{engine} {1000 * statistics.median(samples[engine]):.1f} ms" for engine in engines
            )
            print(f"{name}: {shown}", file=sys.stderr)
    return times


def markdown(times, versions, repeats):
    """The table: milliseconds, and the ratio to ours."""
    engines = list(versions)
    rows, ratios = [], {engine: [] for engine in engines[1:]}
    for name, samples in times.items():
        medians = {engine: statistics.median(samples[engine]) for engine in engines}
        row = [name]
        for engine in engines:
            text = f"{1000 * medians[engine]:.1f} ms"
            if engine in ratios:
                ratio = medians[engine] / medians[engines[0]]
                ratios[engine].append(ratio)
                text += f", {ratio:.2f}"
            row.append(text)
        rows.append(row)
    means = [f"**{report.geomean(ratios[engine]):.2f}**" for engine in engines[1:]]
    rows.append([f"**geomean of {len(rows)}**", "**1.00**", *means])
    spread = statistics.median(
        report.spread(each) for row in times.values() for each in row.values()
    )
    note = (
        f"Medians of {repeats} runs in CPU time, and their ratio to wasmwright's: above 1, "
        f"wasmwright is faster. The samples of a figure lie {spread:.0%} apart (median)."
    )
    table = report.table(["program", *engines], rows)
    return "\n\n".join([table, note, report.provenance(versions.values())])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default=",".join(PROGRAMS))
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--update-docs", action="store_true")
    parser.add_argument("--sample", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sample:
        engine, file, export, warm, full = options.sample
        load = {"wasmwright": load_wasmwright, "wasmtime": load_wasmtime}[engine]
        print(json.dumps(timed(load(Path(file).read_bytes(), export), int(warm), int(full))))
        return
    versions = {}
    for engine in options.engines.split(","):
        found = version(engine)
        if found is None:
            print(f"{engine}: not here, or too old", file=sys.stderr)
        else:
            versions[engine] = found
    times = measure(options.only.split(","), list(versions), options.repeats)
    text = markdown(times, versions, options.repeats)
    report.publish("gc", text, options.update_docs)


if __name__ == "__main__":
    main()
