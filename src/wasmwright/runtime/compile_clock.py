"""How long each thread has been preparing code: what a deadline for the guest may leave out."""

from __future__ import annotations

import time
from threading import get_ident
from typing import Final

# Seconds by thread, and since when a thread has been at it.
_total: Final[dict[int, float]] = {}
_since: Final[dict[int, float]] = {}


class Preparing:
    """``with Preparing():`` around the work of this thread that counts; nesting counts once."""

    __slots__ = ("_outer", "_thread")

    def __enter__(self) -> None:
        self._thread = get_ident()
        self._outer = self._thread not in _since
        if self._outer:
            _since[self._thread] = time.monotonic()

    def __exit__(self, *_: object) -> None:
        if self._outer:
            began = _since.pop(self._thread)
            total = _total.get(self._thread, 0.0)
            _total[self._thread] = total + time.monotonic() - began


def seconds(thread: int) -> float:
    """How long a thread has done such work up to now."""
    began = _since.get(thread)
    total = _total.get(thread, 0.0)
    return total if began is None else total + time.monotonic() - began
