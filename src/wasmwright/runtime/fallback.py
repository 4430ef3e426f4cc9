"""When LLVM fails: the baseline tier compiles in its place, and one line in the log says why."""

from __future__ import annotations

import os
from typing import Final

# Set to "off", failures are raised instead: the tests do, so that ours are seen.
VARIABLE: Final = "WASMWRIGHT_FALLBACK"

# What failed in this process, and kinds of causes that the log has.
failures: Final[list[tuple[str, BaseException]]] = []
_logged: Final[set[str]] = set()
_KEPT: Final = 16


def allowed() -> bool:
    """Whether a program goes on in baseline code where LLVM fails."""
    return os.environ.get(VARIABLE) != "off"


def note(what: str, error: BaseException) -> None:
    """Notes that LLVM failed at something; a line in the log for the first of each kind."""
    if len(failures) < _KEPT:
        failures.append((what, error))
    cause = error.__cause__ or error
    kind = type(cause).__name__
    if kind in _logged:
        return
    _logged.add(kind)
    import logging  # rarely needed, and not cheap

    text = " ".join(str(cause).split())[:200]
    logging.getLogger("wasmwright").warning(
        "LLVM failed at %s (%s%s): the baseline tier compiles what it fails at",
        what,
        kind,
        f": {text}" if text else "",
    )
