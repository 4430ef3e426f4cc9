"""Writes the file of the runtime's native parts, compiled beforehand, or checks that it is current.

    python dev/native/make.py [--check]

The file's layout is `codegen.prebuilt.image`'s. It takes LLVM some ten seconds. With another LLVM
than the file was made by, the check is whether it was made of the same IR.
"""

from __future__ import annotations

import argparse
import struct
import sys
from pathlib import Path

import llvmlite.binding as llvm
from link import Linked, link
from signatures import signatures

from wasmwright.codegen.llvm import compiler, stubs, targets
from wasmwright.codegen.prebuilt import image
from wasmwright.runtime import native_parts

ROOT = Path(__file__).resolve().parents[2]
ARCH = "x86_64"
CPU = "x86-64-v2"
# (That of the sources, wherever the package comes from.)
TARGET = ROOT / "src/wasmwright/codegen/prebuilt" / Path(image.path(ARCH)).name


def sources() -> list[str]:
    """The IR of each object."""
    return [
        native_parts.core_ir(),
        native_parts.gc_ir(),
        stubs.stub_ir(signatures()),
        stubs.generic_stub_ir(),
    ]


def llvm_version() -> str:
    """The version of LLVM that is here."""
    return ".".join(map(str, llvm.llvm_version_info))


def is_current() -> bool:
    """Whether the file is what would be made now."""
    found = image.Image(str(TARGET))
    if found.llvm != llvm_version():
        print(f"(made by LLVM {found.llvm}; this is {llvm_version()})")
        return found.digest == image.digest(sources())
    return TARGET.read_bytes() == build()


def build() -> bytes:
    """The file for x86-64."""
    texts = sources()
    target = targets.target(ARCH, CPU)
    return _file(link([compiler.compile_ir(text, 2, target) for text in texts]), texts)


def _file(linked: Linked, texts: list[str]) -> bytes:
    pack = image.PAIR.pack
    parts = [
        struct.pack(f"<{len(linked.slots)}I", *linked.slots.values()),
        b"".join(pack(at, target) for target, at in linked.pointers.items()),
        b"".join(pack(*symbol) for symbol in linked.symbols.values()),
        pack(*linked.frames),
        image.digest(texts),
        "\n".join(linked.slots).encode(),
        "\n".join(linked.symbols).encode(),
        CPU.encode(),
        llvm_version().encode(),
        bytes(linked.code),
    ]
    assert len(parts) == image.PARTS
    return image.HEAD.pack(image.MAGIC, *(len(part) for part in parts)) + b"".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is current")
    check = parser.parse_args().check
    if check:
        current = TARGET.exists() and is_current()
        print(f"{TARGET.relative_to(ROOT)} is {'current' if current else 'not current'}")
        return 0 if current else 1
    made = build()
    TARGET.write_bytes(made)
    print(f"{TARGET.relative_to(ROOT)}: {len(made)} bytes, {len(signatures())} signatures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
