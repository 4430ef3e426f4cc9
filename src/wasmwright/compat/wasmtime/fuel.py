"""The fuel of a store: its instances draw on one supply.

This engine keeps fuel where code that runs can reach it, for each set of linked instances by
itself. So the store's supply is handed to whatever is about to run, and taken back when that is
over.
"""

from __future__ import annotations

from typing import Protocol

from wasmwright.compat.wasmtime.errors import WasmtimeError


class Tank(Protocol):
    """What has fuel while it runs: a set of linked instances."""

    fuel: int


class Supply:
    """The fuel of one store; ``configured`` says whether its engine's code consumes any."""

    def __init__(self, configured: bool) -> None:
        self.configured = configured
        self._left = 0
        self._given = 0
        # What is running, the innermost last, which has all there is.
        self._running: list[Tank] = []

    def _check(self) -> None:
        if not self.configured:
            raise WasmtimeError("fuel is not configured in this store")

    def get(self) -> int:
        """How much is left."""
        self._check()
        return max(0, self._running[-1].fuel if self._running else self._left)

    def set(self, amount: int) -> None:
        """Has so much be left."""
        self._check()
        if not 0 <= amount < 1 << 64:
            raise WasmtimeError("fuel is from 0 to 2**64 - 1")
        amount = min(amount, (1 << 63) - 1)
        self._given += amount - self.get()
        self._put(amount)

    def _put(self, amount: int) -> None:
        if self._running:
            self._running[-1].fuel = amount
        else:
            self._left = amount

    def consumed(self) -> int:
        """How much of what was given is used up."""
        return self._given - self.get()

    def begin(self, tank: Tank) -> None:
        """Hands the supply to what is about to run."""
        left = self.get()
        self._running.append(tank)
        tank.fuel = left

    def end(self) -> None:
        """Takes it back from what was begun last."""
        left = max(0, self._running.pop().fuel)
        self._put(left)
