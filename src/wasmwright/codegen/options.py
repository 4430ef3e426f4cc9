"""What a module's code is compiled for, as its user asks for it."""

from __future__ import annotations

from wasmwright.features import DEFAULT
from wasmwright.records import Record


class Options(Record):
    """What ``api.Module`` was made with; it says what each option means."""

    features: int = DEFAULT
    guard: bool | None = None
    level: int | None = None
    fuel: bool = False
    deterministic: bool = False
