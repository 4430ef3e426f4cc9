"""What a module's code is compiled for, as its user asks for it."""

from __future__ import annotations

import os
from typing import Final

from wasmwright.features import DEFAULT
from wasmwright.records import Record

# Who compiles: stencils, LLVM, or the one first and the other for what is hot.
BASELINE: Final = "baseline"
OPTIMISED: Final = "optimised"
AUTO: Final = "auto"
TIERS: Final = (BASELINE, OPTIMISED, AUTO)

# Who does where nobody says; the environment may.
DEFAULT_TIER: Final = os.environ.get("WASMWRIGHT_TIER", AUTO)


class Options(Record):
    """What ``api.Module`` was made with; it says what each option means."""

    features: int = DEFAULT
    guard: bool | None = None
    level: int | None = None
    fuel: bool = False
    deterministic: bool = False
    tier: str = DEFAULT_TIER
