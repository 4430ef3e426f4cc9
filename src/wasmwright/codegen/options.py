"""What a module's code is compiled for, as its user asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from wasmwright.features import DEFAULT


@dataclass(frozen=True, slots=True)
class Options:
    """What ``api.Module`` was made with; it says what each option means."""

    features: int = DEFAULT
    guard: bool | None = None
    level: int | None = None
    fuel: bool = False
    deterministic: bool = False
    tier: str = "optimised"
