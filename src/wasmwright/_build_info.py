"""The version, and how this copy of the package was built.

This file is the state of the source tree; a wheel carries the copy that setup.py stamped.
"""

from typing import Final

VERSION: Final = "0.1.0"

COMPILED: Final[bool] = False  # True: the hot modules are mypyc extension modules
HOW: Final[str] = "source tree"  # the compiler, or the reason for plain Python
SOURCES: Final[str] = ""  # the hash of the sources, see codegen/identity.py; empty: not known


def describe() -> str:
    """What `wasmwright --version` says of the build.

    `compiled (mypyc 2.4.1)` or `pure Python (no working C compiler: …)`.
    """
    return f"{'compiled' if COMPILED else 'pure Python'} ({HOW})"
