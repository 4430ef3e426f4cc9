"""Writes the runtime's native parts, compiled beforehand, or checks that they are current.

    python dev/native/make.py [--check]

There is one for each architecture, whatever this machine's is. Their layout is
`codegen.prebuilt.image`'s. Each takes LLVM some ten seconds. With another LLVM than a file was made
by, the check is whether it was made of the same IR.
"""

from __future__ import annotations

import argparse
import struct
import sys
from pathlib import Path

import llvmlite.binding as llvm
from link import Linked, link
from signatures import signatures

from wasmwright.codegen import arch, cpu
from wasmwright.codegen.llvm import compiler, stubs, targets
from wasmwright.codegen.prebuilt import image
from wasmwright.runtime import native_parts

ROOT = Path(__file__).resolve().parents[2]
# (That of the sources, wherever the package comes from.)
FOLDER = ROOT / "src/wasmwright/codegen/prebuilt"


def file_of(name: str) -> Path:
    """Where an architecture's file is."""
    return FOLDER / Path(image.path(name)).name


def sources(name: str) -> list[str]:
    """The IR of each object for an architecture."""
    return [
        native_parts.core_ir(arch.of(name)),
        native_parts.gc_ir(),
        stubs.stub_ir(signatures()),
        stubs.generic_stub_ir(),
    ]


def llvm_version() -> str:
    """The version of LLVM that is here."""
    return ".".join(map(str, llvm.llvm_version_info))


def is_current(name: str) -> bool:
    """Whether an architecture's file is what would be made now."""
    path = file_of(name)
    if not path.exists():
        return False
    found = image.Image(str(path))
    if found.llvm != llvm_version():
        print(f"(made by LLVM {found.llvm}; this is {llvm_version()})")
        return found.digest == image.digest(sources(name))
    return path.read_bytes() == build(name)


def build(name: str) -> bytes:
    """The file for an architecture."""
    texts = sources(name)
    target = targets.target(name, cpu.DEFAULT[name])
    objects = [compiler.compile_ir(text, 2, target) for text in texts]
    return _file(link(arch.of(name), objects), texts, cpu.DEFAULT[name])


def _file(linked: Linked, texts: list[str], name: str) -> bytes:
    pack = image.PAIR.pack
    parts = [
        struct.pack(f"<{len(linked.slots)}I", *linked.slots.values()),
        b"".join(pack(at, target) for target, at in linked.pointers.items()),
        b"".join(pack(*symbol) for symbol in linked.symbols.values()),
        pack(*linked.frames),
        image.digest(texts),
        "\n".join(linked.slots).encode(),
        "\n".join(linked.symbols).encode(),
        name.encode(),
        llvm_version().encode(),
        bytes(linked.code),
    ]
    assert len(parts) == image.PARTS
    return image.HEAD.pack(image.MAGIC, *(len(part) for part in parts)) + b"".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether they are current")
    check = parser.parse_args().check
    failed = False
    for name in arch.names():
        shown = file_of(name).relative_to(ROOT)
        if check:
            current = is_current(name)
            print(f"{shown} is {'current' if current else 'not current'}")
            failed |= not current
        else:
            made = build(name)
            file_of(name).write_bytes(made)
            print(f"{shown}: {len(made)} bytes, {len(signatures())} signatures")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
