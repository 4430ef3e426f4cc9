"""Measures what an embedder feels: calls in and out, threads, module checking, memory.

Peers run in the same session and take turns. Every sample comes from a process of its own, so that
two engines never share signal handlers, and a crash costs one figure only.

    python bench/calls.py
    python bench/calls.py --only call,callback --repeats 3
    python bench/calls.py --only check BIG.wasm      the modules to check, instead of our own
"""

import argparse
import functools
import importlib
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import build
import engines
import report

MODULE = engines.BENCH / "micro" / "calls.wasm"
SMALL = engines.BENCH.parent / "examples" / "hello.wasm"
CALLBACKS = 1_000_000
SPIN_ROUNDS = 100_000_000
BATCH_SECONDS = 0.2
BATCHES = 5

Number = Callable[..., int]


@dataclass(frozen=True)
class Functions:
    """The exports of micro/calls.wasm in some engine; the names are the module's."""

    add: Number
    call_back: Number
    spin: Number


def host_function(x: int) -> int:
    return x & 7


# --- the peers -----------------------------------------------------------------------------------


def python_functions() -> Functions:
    """The same in Python. `spin` is left out: the GIL makes the comparison pointless."""

    def add(a: int, b: int) -> int:
        return a + b

    def call_back(times: int) -> int:
        total = 0
        for i in range(times):
            total += host_function(i)
        return total

    def spin(rounds: int) -> int:
        raise NotImplementedError

    return Functions(add, call_back, spin)


def wasmwright_functions() -> Functions:
    ww: Any = importlib.import_module("wasmwright")
    module = ww.Module(MODULE.read_bytes())
    exports = ww.Instance(module, {"env": {"callback": host_function}}).exports
    return Functions(exports.add, exports.call_back, exports.spin)


def wasmtime_functions() -> Functions:
    wt: Any = importlib.import_module("wasmtime")
    store = wt.Store()
    module = wt.Module(store.engine, MODULE.read_bytes())
    kind = wt.FuncType([wt.ValType.i32()], [wt.ValType.i32()])
    instance = wt.Instance(store, module, [wt.Func(store, kind, host_function)])
    found = [instance.exports(store)[name] for name in ("add", "call_back", "spin")]
    return Functions(*(functools.partial(f, store) for f in found))


FUNCTIONS: dict[str, Callable[[], Functions]] = {
    "python": python_functions,
    "wasmwright": wasmwright_functions,
    "wasmtime": wasmtime_functions,
}


# Each gives what reads 1 KB from a memory.
def python_reader() -> Callable[[], bytes]:
    view = memoryview(bytearray(131072))
    return lambda: bytes(view[1024:2048])


def wasmwright_reader() -> Callable[[], bytes]:
    memory = importlib.import_module("wasmwright").Memory(2)
    return lambda: memory[1024:2048]


def wasmtime_reader() -> Callable[[], bytes]:
    wt: Any = importlib.import_module("wasmtime")
    store = wt.Store()
    memory = wt.Memory(store, wt.MemoryType(wt.Limits(2, None)))
    return lambda: bytes(memory.read(store, 1024, 2048))


READERS: dict[str, Callable[[], Callable[[], bytes]]] = {
    "python": python_reader,
    "wasmwright": wasmwright_reader,
    "wasmtime": wasmtime_reader,
}


def wasmwright_validate(data: bytes) -> None:
    importlib.import_module("wasmwright").validate(data)


def wasmtime_validate(data: bytes) -> None:
    wt: Any = importlib.import_module("wasmtime")
    wt.Module.validate(wt.Engine(), data)


CHECKERS: dict[str, Callable[[bytes], None]] = {
    "wasmwright": wasmwright_validate,
    "wasmtime": wasmtime_validate,
}


def has(peer: str) -> bool:
    """Whether the peer can be imported; "python" always can."""
    return peer == "python" or importlib.util.find_spec(peer) is not None


# --- the measurements, each run in a process of its own -------------------------------------------


def seconds_for_calls(f: Number, times: int) -> float:
    start = time.perf_counter()
    for _ in itertools.repeat(None, times):
        f(2, 3)
    return time.perf_counter() - start


def measure_call(peer: str) -> float:
    """Nanoseconds for a call add(2, 3), the Python loop around it included."""
    add = FUNCTIONS[peer]().add
    assert add(2, 3) == 5
    times = 1000
    while seconds_for_calls(add, times) < BATCH_SECONDS / 2:
        times *= 2
    return statistics.median(seconds_for_calls(add, times) for _ in range(BATCHES)) / times * 1e9


def measure_read(peer: str) -> float:
    """Nanoseconds for reading 1 KB of a memory as bytes; a call of a lambda included."""
    read = READERS[peer]()
    assert read() == bytes(1024)
    times = 1000
    while (seconds := timeit.timeit(read, number=times)) < BATCH_SECONDS / 2:
        times *= 2
    samples = [timeit.timeit(read, number=times) for _ in range(BATCHES)]
    return statistics.median([seconds, *samples]) / times * 1e9


def measure_callback(peer: str) -> float:
    """Nanoseconds for a call from a wasm loop to a Python function and back."""
    call_back = FUNCTIONS[peer]().call_back
    times = CALLBACKS // 100
    expected = sum(host_function(i) for i in range(times))
    assert call_back(times) == expected
    start = time.perf_counter()
    call_back(times)
    if time.perf_counter() - start < BATCH_SECONDS / 10:
        times = CALLBACKS
    samples = []
    for _ in range(BATCHES):
        start = time.perf_counter()
        call_back(times)
        samples.append(time.perf_counter() - start)
    return statistics.median(samples) / times * 1e9


def measure_threads(peer: str) -> float:
    """How much more two threads with an instance each get done than one: 2 is the best."""
    functions = [FUNCTIONS[peer](), FUNCTIONS[peer]()]
    for f in functions:
        f.spin(SPIN_ROUNDS // 100)

    def elapsed(running: list[Functions]) -> float:
        threads = [threading.Thread(target=f.spin, args=(SPIN_ROUNDS,)) for f in running]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - start

    # The shortest of each: whatever else runs on the machine can only add to them.
    pairs = [(elapsed(functions[:1]), elapsed(functions)) for _ in range(BATCHES)]
    return 2 * min(alone for alone, _ in pairs) / min(together for _, together in pairs)


def measure_check(peer: str, path: Path) -> float:
    """Seconds to decode and validate the module at `path`, once warm."""
    data = path.read_bytes()
    check = CHECKERS[peer]
    check(data)
    samples: list[float] = []
    while len(samples) < 3 or (sum(samples) < 2 * BATCH_SECONDS and len(samples) < 1000):
        start = time.perf_counter()
        check(data)
        samples.append(time.perf_counter() - start)
    return statistics.median(samples)


def in_child(*arguments: str) -> float | None:
    """Runs a measurement in a new process; None, with a line on stderr, where it fails."""
    command = [sys.executable, __file__, "--measure", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return float(done.stdout)
    last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    print(f"error: {' '.join(arguments)}: {last}", file=sys.stderr)
    return None


def measured(arguments: list[str]) -> float:
    """The measurement that `in_child` asked for."""
    match arguments:
        case ["call", peer]:
            return measure_call(peer)
        case ["read", peer]:
            return measure_read(peer)
        case ["callback", peer]:
            return measure_callback(peer)
        case ["threads", peer]:
            return measure_threads(peer)
        case ["check", peer, path]:
            return measure_check(peer, Path(path))
        case _:
            raise SystemExit(f"no such measurement: {arguments}")


# --- tables --------------------------------------------------------------------------------------

Samples = dict[str, list[float]]


def sample(peers: list[str], repeats: int, take: Callable[[str], float | None]) -> Samples:
    """Samples by peer, the peers taking turns. A peer that fails once is left out."""
    samples: Samples = {peer: [] for peer in peers}
    for _ in range(repeats):
        for peer in list(samples):
            value = take(peer)
            if value is None:
                del samples[peer]
            else:
                samples[peer].append(value)
    return samples


def medians(samples: Samples) -> dict[str, float]:
    return {peer: statistics.median(values) for peer, values in samples.items() if values}


LABELS = {
    "call": "Python → `add(i32, i32)`",
    "callback": "wasm → Python",
}


def calls_table(peers: list[str], names: list[str], repeats: int, raw: dict[str, Samples]) -> str:
    """Nanoseconds a call, and the ratio to a Python function's own call."""
    keys = [f"{name} {peer}" for name in names for peer in peers]
    base = "call python"
    keys += [base] if base not in keys else []
    samples = sample(keys, repeats, lambda key: in_child(*key.split()))
    raw.update({name: {p: samples.get(f"{name} {p}", []) for p in peers} for name in names})
    taken = medians(samples)
    rows = []
    for name in names:
        times = [taken.get(f"{name} {peer}") for peer in peers]
        cells = ["failed" if t is None else f"{t:.0f} ns, {t / taken[base]:.2f}" for t in times]
        rows.append([LABELS[name], *cells])
    return report.table(["", *peers], rows)


def read_table(peers: list[str], repeats: int, raw: dict[str, Samples]) -> str:
    """Nanoseconds to read 1 KB, and the ratio to what Python takes for a buffer of its own."""
    raw["read"] = sample(peers, repeats, functools.partial(in_child, "read"))
    taken = medians(raw["read"])
    base = taken.get("python", 1.0)
    cells = [f"{taken[p]:.0f} ns, {taken[p] / base:.2f}" if p in taken else "failed" for p in peers]
    return report.table(["", *peers], [["reading 1 KB of memory", *cells]])


def threads_table(peers: list[str], repeats: int, raw: dict[str, Samples]) -> str:
    """What two threads with an instance each get done, as a multiple of one thread."""
    raw["threads"] = sample(peers, repeats, functools.partial(in_child, "threads"))
    gains = medians(raw["threads"])
    row = [f"× {gains[peer]:.2f}" if peer in gains else "failed" for peer in peers]
    return report.table(["", *peers], [["throughput of two threads to one", *row]])


def code_size(data: bytes) -> int:
    """Bytes in the contents of the module's code section."""
    position = 8
    while position < len(data):
        kind = data[position]
        size = shift = 0
        while True:
            position += 1
            size |= (data[position] & 127) << shift
            shift += 7
            if data[position] < 128:
                break
        position += 1
        if kind == 10:
            return size
        position += size
    return 0


def check_table(paths: list[Path], repeats: int, raw: dict[str, Samples]) -> str:
    """Megabytes (10^6) of code section a second for decode and validate."""
    peers = [peer for peer in CHECKERS if has(peer)]
    rows = []
    for path in paths:
        code = code_size(path.read_bytes())

        def take(peer: str, path: Path = path) -> float | None:
            return in_child("check", peer, str(path))

        raw[f"check {path.name}"] = samples = sample(peers, repeats, take)
        seconds = medians(samples)
        row = [path.name, f"{code / 1e6:.2f} MB"]
        for peer in peers:
            row.append(f"{code / seconds[peer] / 1e6:.1f} MB/s" if peer in seconds else "failed")
        rows.append(row)
    return report.table(["decode and validate", "code section", *peers], rows)


# A process's peak includes that of the process which forked it: measure from a small one.
PEAK = (
    "import resource, subprocess, sys;"
    "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL);"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) if not done.returncode else 0;"
    "sys.exit(done.returncode)"
)


def peak_memory(command: list[str], environment: dict[str, str]) -> float | None:
    """The peak resident set of a command, in KiB."""
    launcher = [sys.executable, "-I", "-S", "-c", PEAK, *command]
    env = {**os.environ, **environment}
    done = subprocess.run(launcher, capture_output=True, text=True, check=False, env=env)
    if done.returncode == 0:
        return float(done.stdout)
    last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    print(f"error: {' '.join(command)}: {last}", file=sys.stderr)
    return None


def memory_table(repeats: int, raw: dict[str, Samples]) -> str:
    """Peak memory of a small program's run, beside importing the code generator alone."""
    with tempfile.TemporaryDirectory() as cache:
        job = engines.Job(SMALL.stem, SMALL, ())
        run = {name: engines.ENGINES[name].command(job) for name in ("wasmwright", "wasmtime")}
        python = [sys.executable, "-c"]
        off, on = {"WASMWRIGHT_CACHE": "off"}, {"WASMWRIGHT_CACHE": cache}
        commands = {"`import llvmlite.binding`": ([*python, "import llvmlite.binding"], off)}
        if engines.ENGINES["wasmwright"].missing() is None:
            commands["`wasmwright run`, no cache"] = (run["wasmwright"], off)
            commands["`wasmwright run`, from the cache"] = (run["wasmwright"], on)
            peak_memory(run["wasmwright"], on)
        if has("wasmtime"):
            commands["wasmtime"] = (run["wasmtime"], off)
        if engines.ENGINES["node"].missing() is None:
            commands["node"] = (engines.ENGINES["node"].command(job), off)
        commands["`python -c pass`"] = ([*python, "pass"], off)
        raw["memory"] = sample(list(commands), repeats, lambda name: peak_memory(*commands[name]))
    peaks = medians(raw["memory"])
    base = next(iter(peaks.values()), 1.0)
    rows = [[name, f"{kib / 1024:.0f} MiB", f"{kib / base:.2f}"] for name, kib in peaks.items()]
    return report.table([f"peak memory, {SMALL.name}", "", "ratio"], rows)


def default_modules() -> list[Path]:
    """The largest modules that we have ourselves."""
    modules = sorted(
        (build.BENCH / "programs" / "wasm").glob("*.wasm"), key=lambda path: path.stat().st_size
    )
    return modules[-2:]


def main() -> int:
    parts = ("call", "callback", "read", "threads", "check", "memory")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("modules", nargs="*", type=Path, help="modules for decode and validate")
    parser.add_argument("--only", default=",".join(parts), help=f"of {','.join(parts)}")
    parser.add_argument("--repeats", type=int, default=5, help="samples of each (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to FILE")
    parser.add_argument("--update-docs", action="store_true", help="put the tables into the docs")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(measured(options.measure))
        return 0
    only = set(options.only.split(","))
    if only - set(parts):
        parser.error(f"no such measurement: {', '.join(sorted(only - set(parts)))}")

    peers = [peer for peer in FUNCTIONS if has(peer)]
    for peer in FUNCTIONS.keys() - set(peers):
        print(f"skipping {peer}: not installed", file=sys.stderr)
    raw: dict[str, Samples] = {}
    tables: list[str] = []
    if only & LABELS.keys():
        names = [name for name in LABELS if name in only]
        tables.append(calls_table(peers, names, options.repeats, raw))
    if "read" in only:
        tables.append(read_table(peers, options.repeats, raw))
    if "threads" in only:
        engines_only = [peer for peer in peers if peer != "python"]
        tables.append(threads_table(engines_only, options.repeats, raw))
    if "check" in only:
        tables.append(check_table(options.modules or default_modules(), options.repeats, raw))
    if "memory" in only:
        tables.append(memory_table(options.repeats, raw))
    present = [engines.ENGINES[peer] for peer in peers if peer != "python"]
    versions = [engine.version() for engine in present]
    note = (
        f"Medians of {options.repeats} samples. Ratios of calls are to a Python function's call, "
        "those of reading to `bytes(memoryview[a:b])` of a `bytearray`."
    )
    text = "\n\n".join([*tables, note, report.provenance(versions)])
    print(text)
    if options.json:
        document = {"machine": engines.machine(), "versions": versions, "samples": raw}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    if options.update_docs:
        report.update_docs("calls", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
