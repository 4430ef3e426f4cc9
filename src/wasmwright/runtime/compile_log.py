"""What was compiled when, by what, and in how long; kept only if somebody asks for it."""

from __future__ import annotations

import time
from typing import Final, NamedTuple

# Where code came from.
BASELINE: Final = "baseline"
OPTIMISED: Final = "optimised"
HOT: Final = "hot"
CACHED: Final = "cached"
AHEAD: Final = "ahead"


class Compilation(NamedTuple):
    """One unit: when it was there, in seconds from `enable` on, what made it, and of what.

    ``func`` is the first of ``functions`` functions; ``body`` the bytes of their bodies, ``code``
    those of the machine code; ``seconds`` how long it took.
    """

    at: float
    source: str
    func: int
    name: str | None
    functions: int
    body: int
    code: int
    seconds: float


_log: list[Compilation] | None = None
_start = 0.0


def enable() -> None:
    """Keeps what is compiled from now on."""
    global _log, _start
    _log, _start = [], time.perf_counter()


def enabled() -> bool:
    """Whether anything is kept."""
    return _log is not None


def disable() -> None:
    """Forgets what was kept, and keeps nothing more."""
    global _log
    _log = None


def entries() -> list[Compilation]:
    """What was compiled since `enable`, in the order in which it was there."""
    return list(_log or ())


def add(
    source: str, func: int, name: str | None, functions: int, body: int, code: int, seconds: float
) -> None:
    """Notes a unit that is there now, if that is wanted."""
    if _log is not None:
        at = time.perf_counter() - _start
        _log.append(Compilation(at, source, func, name, functions, body, code, seconds))


def report() -> str:
    """The log as text: a line a unit, and sums."""
    lines = ["    at ms  source     functions   body KB   code KB        ms  first function"]
    sums: dict[str, list[float]] = {}
    for each in entries():
        first = each.name or f"wasm-function[{each.func}]"
        lines.append(
            f"{each.at * 1e3:9.1f}  {each.source:9}  {each.functions:9}  {each.body / 1e3:8.1f}"
            f"  {each.code / 1e3:8.1f}  {each.seconds * 1e3:8.1f}  {first}"
        )
        total = sums.setdefault(each.source, [0, 0, 0, 0])
        for i, value in enumerate((each.functions, each.body, each.code, each.seconds)):
            total[i] += value
    for source, (functions, body, code, seconds) in sums.items():
        lines.append(
            f"    total  {source:9}  {functions:9}  {body / 1e3:8.1f}  {code / 1e3:8.1f}"
            f"  {seconds * 1e3:8.1f}"
        )
    return "\n".join(lines)
