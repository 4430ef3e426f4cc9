"""Times `wasmwright.text.parse` against wasm-tools' assembler (through `wasmtime.wat2wasm`).

Takes modules, binary or text; a binary one is printed first, flat and folded. Both assemblers run
in this process, in turns; a figure is the best of the repeats. Says whether the bytes are the same.

    python bench/text.py MODULE…
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from wasmtime import wat2wasm

from wasmwright import _build_info
from wasmwright.text import parse, print_module


def seconds(assemble: Callable[[str], object], text: str) -> float:
    start = time.process_time()
    assemble(text)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("modules", nargs="+", type=Path, metavar="MODULE")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    print(f"wasmwright {_build_info.describe()}\n")
    print("| module | text, MB | wasmwright, MB/s | wasm-tools, MB/s | ratio | same bytes |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    for path in options.modules:
        data = path.read_bytes()
        if data.startswith(b"\0asm"):
            texts = {
                f"{path.stem}, flat": print_module(data),
                f"{path.stem}, folded": print_module(data, fold=True),
            }
        else:
            texts = {path.stem: data.decode()}
        for name, text in texts.items():
            ours, theirs = [], []
            for _ in range(options.repeats):
                ours.append(seconds(parse, text))
                theirs.append(seconds(wat2wasm, text))
            size = len(text.encode()) / 1e6
            same = "yes" if parse(text) == bytes(wat2wasm(text)) else "no"
            print(
                f"| {name} | {size:.1f} | {size / min(ours):.0f} | {size / min(theirs):.0f} "
                f"| {min(theirs) / min(ours):.2f} | {same} |"
            )


if __name__ == "__main__":
    main()
