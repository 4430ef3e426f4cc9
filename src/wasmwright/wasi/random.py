"""Randomness as a capability: the system's, or a fixed sequence for reproducible runs."""

from __future__ import annotations

import os
from typing import Protocol

# Bounds what one call holds beside guest memory, and lets Ctrl-C in between.
_CHUNK = 1 << 18


class Random(Protocol):
    """A source of random bytes."""

    def fill(self, buffer: memoryview) -> None:
        """Fill `buffer`, a view of guest memory, with random bytes."""


class SystemRandom:
    """The operating system's cryptographic generator."""

    __slots__ = ()

    def fill(self, buffer: memoryview) -> None:
        for start in range(0, len(buffer), _CHUNK):
            part = buffer[start : start + _CHUNK]
            part[:] = os.urandom(len(part))


class SeededRandom:
    """Bytes that follow from `seed` alone (SHAKE-256 of seed and position). Not for secrets."""

    __slots__ = ("_blocks", "_rest", "_seed")

    def __init__(self, seed: int | bytes | str = 0) -> None:
        if isinstance(seed, int):
            seed = str(seed)
        self._seed = seed.encode() if isinstance(seed, str) else bytes(seed)
        self._blocks = 0
        self._rest = b""

    def fill(self, buffer: memoryview) -> None:
        import hashlib  # costs milliseconds that few guests need

        filled = 0
        while filled < len(buffer):
            if not self._rest:
                state = hashlib.shake_256(self._seed + b"\0" + self._blocks.to_bytes(8, "little"))
                self._rest = state.digest(4096)
                self._blocks += 1
            part = self._rest[: len(buffer) - filled]
            buffer[filled : filled + len(part)] = part
            self._rest = self._rest[len(part) :]
            filled += len(part)
