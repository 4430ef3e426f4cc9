"""The deterministic profile (spec: Appendix > Profiles): every NaN computed is the canonical one.

Hardware keeps an operand's payload, or gives NaNs of either sign; the spec allows both. Where a
module is to give the same results everywhere, each instruction that computes floats is followed
by a selection. It is done on integers: among floats LLVM holds all NaNs for equal. Nor may it see
what the value comes from: it leaves the selection out where the instruction makes a NaN "anyway",
as a square root does.
"""

from __future__ import annotations

from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.model.types import F32

_F32: int = 0x7FC00000
_F64: int = 0x7FF8000000000000


def canonical(e: Emitter, value: str, valtype: int, lanes: int = 0) -> str:
    """A float, or a vector of ``lanes`` of them, with the canonical NaN for every NaN."""
    single = valtype == F32
    lane = "float" if single else "double"
    bits = "i32" if single else "i64"
    nan = str(_F32 if single else _F64)
    condition = "i1"
    if lanes:
        nan = f"splat ({bits} {nan})"
        lane = f"<{lanes} x {lane}>"
        bits = f"<{lanes} x {bits}>"
        condition = f"<{lanes} x i1>"
    value = e.define(f'call {lane} asm "", "{e.unit.float_register}"({lane} {value})')
    is_nan = e.define(f"fcmp uno {lane} {value}, {value}")
    kept = e.define(f"bitcast {lane} {value} to {bits}")
    chosen = e.define(f"select {condition} {is_nan}, {bits} {nan}, {bits} {kept}")
    return e.define(f"bitcast {bits} {chosen} to {lane}")
