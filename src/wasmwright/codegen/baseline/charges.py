"""Code that consumes fuel: where each stretch of it (`codegen.fuel`) is charged."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.stencils import RECORD_SIZE
from wasmwright.codegen.fuel import Meter

_COST_AT: Final = 6  # in a record: where the stencil has the cost


def consume(e: Emitter, opcode: i64, meter: Meter) -> None:
    """Counts what an instruction costs, before it is compiled."""
    if meter.begins(opcode):
        open_charge(e, meter)
    if meter.ends(opcode):
        e.patch(e.charge_at, meter.cost)
    meter.close(opcode)


def open_charge(e: Emitter, meter: Meter) -> None:
    """Has the present stretch of code be charged from here on."""
    library = e.library
    number = library.number(library.charge)
    if meter.checked:
        number = library.number(library.charge + 1)
        e.mark()
    start = e.emit(number, 0, 0, 0, 0, 0)
    e.charge_at = start + library.records[number * RECORD_SIZE + _COST_AT] - 1
