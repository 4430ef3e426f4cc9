"""Which sources decide what code comes out of the compiler: the identity of compiled code.

setup.py runs this file by itself, to stamp a wheel with the hash of its sources (reading them takes
a start 5 ms). So it imports nothing of the package but that stamp, and that late.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

try:  # see digest.py
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

if TYPE_CHECKING:
    from pathlib import Path

_FOLDERS: Final = ("isa", "model", "binary", "validate", "codegen", "codegen/arch", "codegen/llvm")
_FILES: Final = ("errors.py", "limits.py", "tuning.py")


def hash_sources(package: Path) -> bytes:
    """A hash of the sources in a package's folder."""
    digest = blake2b(digest_size=16)
    for folder in _FOLDERS:
        for path in sorted((package / folder).glob("*.py")):
            digest.update(path.read_bytes())
    for name in _FILES:
        digest.update((package / name).read_bytes())
    return digest.digest()


@functools.cache
def source_identity() -> bytes:
    """The hash for this copy of the package."""
    from wasmwright._build_info import SOURCES

    if SOURCES:
        return bytes.fromhex(SOURCES)
    from pathlib import Path

    return hash_sources(Path(__file__).parent.parent)
