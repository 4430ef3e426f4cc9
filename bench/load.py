"""Measures load time: whole processes, from nothing to the end of a program, without any cache.

Each program is run by `wasmwright run` in each tier and by the peer `wasmtime` from PyPI, in turns,
each in a process of its own. A figure is the least of the repeats. Programs come from a folder of
the corpus that the tests use, too: a module and a `run.json` that says what to run.

    python bench/load.py CORPUS
    python bench/load.py CORPUS --only quickjs,python312 --repeats 3 --update-docs

With `--compile FILE...` it measures instead how fast the baseline tier compiles whole modules.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report

PROGRAMS = ("quickjs", "python312", "avr-cc1", "yosys")
TIERS = ("baseline", "auto")  # LLVM alone takes minutes for the larger ones

COMPILATIONS = 3  # of a whole module, of which the fastest counts

PEER = """
import sys
import wasmtime
config = wasmtime.Config()
store = wasmtime.Store(wasmtime.Engine(config))
linker = wasmtime.Linker(store.engine)
linker.define_wasi()
wasi = wasmtime.WasiConfig()
wasi.argv = sys.argv[2].split("\\x1f")
for each in sys.argv[3:]:
    host, guest = each.split("\\x1f")
    wasi.preopen_dir(host, guest)
wasi.inherit_stdout()
wasi.inherit_stderr()
store.set_wasi(wasi)
module = wasmtime.Module.from_file(store.engine, sys.argv[1])
try:
    linker.instantiate(store, module).exports(store)["_start"](store)
except wasmtime.ExitTrap as trap:
    sys.exit(trap.code)
"""


def job(folder: Path) -> tuple[Path, list[str], dict[str, str]]:
    """A program's module, the arguments of its first run, and its folders by their names there."""
    told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    first = told["jobs"][0]
    return folder / told["module"], first["runs"][0], first.get("dirs", {})


def command(engine: str, module: Path, arguments: list[str], dirs: dict[str, str]) -> list[str]:
    """What runs the program in an engine; ``dirs`` are host folders by the program's names."""
    if engine == "wasmtime":
        pairs = [f"{host}\x1f{guest}" for guest, host in dirs.items()]
        return [sys.executable, "-c", PEER, str(module), "\x1f".join(arguments), *pairs]
    given = [each for guest, host in dirs.items() for each in ("--dir", f"{host}::{guest}")]
    run = [sys.executable, "-m", "wasmwright", "run", "--tier", engine]
    return [*run, *given, str(module), *arguments[1:]]


def once(folder: Path, engine: str) -> tuple[float, bytes]:
    """Seconds for one run in a copy of the program's folders, and its output."""
    module, arguments, named = job(folder)
    with tempfile.TemporaryDirectory() as name:
        dirs = {}
        for guest, origin in named.items():
            source = folder / origin.removeprefix("ro:")
            place = Path(name) / origin.removeprefix("ro:")
            if source.is_dir():
                shutil.copytree(source, place)
            else:
                place.mkdir()
            dirs[guest] = str(place)
        environment = {**os.environ, "WASMWRIGHT_CACHE": "off"}
        start = time.perf_counter()
        done = subprocess.run(
            command(engine, module, arguments, dirs),
            capture_output=True,
            check=False,
            env=environment,
        )
        seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{folder.name} in {engine}: {done.stderr.decode()[-500:]}")
    return seconds, done.stdout


def programs(corpus: Path, names: list[str], repeats: int) -> str:
    """The table of whole processes."""
    engines = ("wasmtime", *TIERS)
    rows = []
    for name in names:
        least = dict.fromkeys(engines, float("inf"))
        outputs = set()
        for _ in range(repeats):
            for engine in engines:
                seconds, output = once(corpus / name, engine)
                least[engine] = min(least[engine], seconds)
                outputs.add(output)
        if len(outputs) != 1:
            raise SystemExit(f"{name}: the engines do not agree")
        row = [name, f"{least['wasmtime']:.2f} s"]
        row += [f"{least[t]:.2f} s ({least[t] / least['wasmtime']:.2f})" for t in TIERS]
        rows.append("| " + " | ".join(row) + " |")
        print(rows[-1], flush=True)
    head = "| program | wasmtime | " + " | ".join(f"`{tier}`" for tier in TIERS) + " |"
    return "\n".join([head, "|---|---:|" + "---:|" * len(TIERS), *rows])


def compiling(files: list[Path]) -> str:
    """The table of whole modules compiled by the baseline tier, and by wasmtime."""
    import wasmtime

    import wasmwright as ww
    from wasmwright.codegen.abi import Layout
    from wasmwright.codegen.baseline.compiler import compile_functions
    from wasmwright.codegen.baseline.library import open_library
    from wasmwright.codegen.baseline.view import View
    from wasmwright.codegen.cpu import machine

    library = open_library(machine())
    rows = []
    for file in files:
        data = file.read_bytes()
        module = ww.Module(data)._module
        body = sum(code.end - code.start for code in module.codes)
        funcs = list(range(module.imported_funcs, len(module.all_funcs)))
        seconds = math.inf
        for _ in range(COMPILATIONS):
            start = time.perf_counter()
            view = View(library, module, Layout(module), True, False, False)
            made = compile_functions(view, funcs)
            seconds = min(seconds, time.perf_counter() - start)
        start = time.perf_counter()
        wasmtime.Module(wasmtime.Engine(), data)
        peer = time.perf_counter() - start
        size = (len(made.code) + len(made.map)) / body
        rows.append(
            f"| {file.stem} | {body / 1e6:.1f} MB | {seconds:.3f} s "
            f"| {body / seconds / 1e6:.1f} MB/s | {size:.1f} | {peer:.2f} s |"
        )
        print(rows[-1], flush=True)
    head = "| module | code section | baseline | speed | code and map, of its size | wasmtime |"
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|", *rows])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("corpus", type=Path, nargs="?", help="the folder of programs")
    parser.add_argument("--only", default=",".join(PROGRAMS), help="programs, with commas between")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--compile", type=Path, nargs="+", metavar="FILE", help="whole modules")
    parser.add_argument("--update-docs", action="store_true", help="put the table into the docs")
    options = parser.parse_args()
    if options.compile:
        name, table = "load-compile", compiling(options.compile)
    elif options.corpus:
        name = "load"
        table = programs(options.corpus, options.only.split(","), options.repeats)
    else:
        parser.error("name the corpus, or modules with --compile")
    from importlib.metadata import version

    from wasmwright import _build_info

    built = f"wasmwright {_build_info.VERSION}, {_build_info.describe()}"
    made = report.provenance([built, f"wasmtime {version('wasmtime')}"])
    text = f"{table}\n\n{made}"
    if options.update_docs:
        report.update_docs(name, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
