"""Casts and i31 (spec: Execution > Instructions > Reference Instructions).

Of which static type an operand is is not known here: each test is for any reference of the target's
hierarchy.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.binary.cursor import castflags
from wasmwright.codegen.baseline.control import jump_on
from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.library import TYPE_I32, TYPE_I64
from wasmwright.codegen.baseline.operations import apply, apply_typed
from wasmwright.codegen.baseline.places import FRAME
from wasmwright.isa import slot
from wasmwright.model.types import (
    ABSTRACT,
    ANY,
    ARRAY,
    EQ,
    EXN,
    EXTERN,
    FUNC,
    I31,
    STRUCT,
    FuncType,
)

_REF_TEST: Final = slot("ref.test")
_REF_CAST: Final = slot("ref.cast")
_BR_ON_CAST: Final = slot("br_on_cast")
_BR_ON_CAST_FAIL: Final = slot("br_on_cast_fail")
_REF_EQ: Final = slot("ref.eq")
_REF_I31: Final = slot("ref.i31")
_I31_GET_S: Final = slot("i31.get_s")

_ABSTRACT_TARGETS: Final[dict[int, str]] = {
    ANY: "top",
    FUNC: "top",
    EXTERN: "top",
    EXN: "top",
    EQ: "eq",
    I31: "i31",
    STRUCT: "struct",
    ARRAY: "array",
}


def cast_instruction(e: Emitter, opcode: i64) -> None:
    """Compile a cast, a branch on one, or an instruction on i31."""
    library = e.library
    if opcode == _REF_TEST or opcode == _REF_TEST + 1:
        heap: int = e.reader.heaptype()
        _typed(e, "ref.test", heap, opcode != _REF_TEST, TYPE_I32)
    elif opcode == _REF_CAST or opcode == _REF_CAST + 1:
        heap = e.reader.heaptype()
        e.mark()
        _typed(e, "ref.cast", heap, opcode != _REF_CAST, TYPE_I64)
    elif opcode == _BR_ON_CAST or opcode == _BR_ON_CAST_FAIL:
        _branch(e, opcode == _BR_ON_CAST)
    elif opcode == _REF_EQ:
        apply(e, library.family("ref.eq"), 2, TYPE_I32, 0, 0)
    elif opcode == _REF_I31:
        apply(e, library.family("ref.i31"), 1, TYPE_I64, 0, 0)
    else:
        e.mark()
        name = "i31.get_s" if opcode == _I31_GET_S else "i31.get_u"
        apply(e, library.family(name), 1, TYPE_I32, 0, 0)


def _typed(e: Emitter, name: str, heap: int, nullable: bool, result: i64) -> None:
    """A test or cast to a heap type."""
    index = 0
    if heap & ABSTRACT:
        target = _ABSTRACT_TARGETS.get(heap, "bottom")
    else:
        index = heap
        final = e.module.types[heap].final
        if isinstance(e.module.types[heap].comp, FuncType):
            target = "func" if final else "func.open"
        else:
            target = "final" if final else "open"
    family = e.library.family(f"{name}.{target}{'.null' if nullable else ''}")
    if heap & ABSTRACT:
        apply(e, family, 1, result, 0, 0)
    else:
        apply_typed(e, family, result, index)


def _branch(e: Emitter, on_fit: bool) -> None:
    flags = castflags(e.reader)
    depth = e.reader.u32()
    e.reader.heaptype()
    heap: int = e.reader.heaptype()
    at = e.height - 1
    e.put(at)
    e.push(TYPE_I64 << 4 | FRAME, e.payloads[at])
    _typed(e, "ref.test", heap, flags & 2 != 0, TYPE_I32)
    jump_on(e, depth, e.library.family("br_if:i32" if on_fit else "br_if:i32.eqz"), 1)
