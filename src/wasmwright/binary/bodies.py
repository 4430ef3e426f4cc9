"""What the body of a function in a valid module does, read from its bytes."""

from __future__ import annotations

from typing import Final

from wasmwright.binary.cursor import (
    CATCH_ALL,
    OPENS,
    catch_kind,
    read_opcode,
    skip_immediates,
)
from wasmwright.binary.reader import Reader
from wasmwright.isa import INSTRUCTIONS, SLOTS, slot
from wasmwright.model.module import Module
from wasmwright.model.types import BLOCK_INDEX, BOT, FuncType

_CALL: Final = slot("call")
_RETURN_CALL: Final = slot("return_call")

_LOCAL_SET: Final = slot("local.set")
_LOCAL_TEE: Final = slot("local.tee")
_END: Final = slot("end")
_DELEGATE: Final = slot("delegate")

_LOOP: Final = slot("loop")
_TRY_TABLE: Final = slot("try_table")
_BR_TABLE: Final = slot("br_table")
_CAST_BRANCHES: Final = frozenset({slot("br_on_cast"), slot("br_on_cast_fail")})
_BRANCHES: Final = _CAST_BRANCHES | {
    slot(name) for name in ("br", "br_if", "br_table", "br_on_null", "br_on_non_null")
}

_SHORT_FAMILIES: Final = ("parametric", "variable", "load", "store", "const", "wide")
_SHORT_CONTROL: Final = ("unreachable", "nop", "block", "if", "else", "end")
_SHORT_BRANCHES: Final = ("br", "br_if", "br_table", "return")


def _short() -> list[bool]:
    table = [False] * SLOTS
    for row in INSTRUCTIONS:
        numeric = row.family in ("testop", "relop", "unop", "binop", "cvtop") or (
            row.family[0] == "v"
        )
        table[row.slot] = (
            numeric
            or row.family in _SHORT_FAMILIES
            or row.name in _SHORT_CONTROL
            or row.name in _SHORT_BRANCHES
        )
    return table


_SHORT: Final = _short()


def callees(module: Module, number: int) -> list[int]:
    """Indices of the functions that a defined function calls directly.

    Each once, in the order of their first calls.
    """
    code = module.codes[number]
    reader = Reader(module.data, code.start, code.end)
    found: dict[int, None] = {}
    while reader.pos < code.end:
        opcode = read_opcode(reader)
        if opcode == _CALL or opcode == _RETURN_CALL:
            found[reader.u32()] = None
        else:
            skip_immediates(reader, opcode)
    return list(found)


def is_short(module: Module, number: int, size: int) -> bool:
    """Whether a call of a defined function is over in less time than ``size`` bytes of body take.

    It has no loop, calls nothing, and none of its instructions takes longer for some operands.
    """
    code = module.codes[number]
    if code.end - code.start > size:
        return False
    reader = Reader(module.data, code.start, code.end)
    while reader.pos < code.end:
        opcode = read_opcode(reader)
        if not _SHORT[opcode]:
            return False
        skip_immediates(reader, opcode)
    return True


def merges(module: Module, number: int, limit: int) -> int:
    """How many values may come together at the ends and heads of a defined function's blocks.

    For each block: the locals that are set in it, its parameters and its results. A compiler that
    keeps locals in registers has a phi for each at most. Counts no further than beyond ``limit``.
    """
    code = module.codes[number]
    reader = Reader(module.data, code.start, code.end)
    total = 0
    locals_set: list[set[int]] = [set()]  # in each block that is open
    while reader.pos < code.end:
        opcode = read_opcode(reader)
        if opcode == _LOCAL_SET or opcode == _LOCAL_TEE:
            locals_set[-1].add(reader.u32())
            continue
        if OPENS[opcode]:
            place = reader.pos
            total += _arity(module, reader.blocktype())
            reader.pos = place
            locals_set.append(set())
        elif (opcode == _END or opcode == _DELEGATE) and len(locals_set) > 1:
            inner = locals_set.pop()
            total += len(inner)
            locals_set[-1] |= inner
        if total > limit:
            break
        skip_immediates(reader, opcode)
    return total


def _arity(module: Module, blocktype: int) -> int:
    """How many parameters and results a block has."""
    params, results = _arities(module, blocktype)
    return params + results


def _arities(module: Module, blocktype: int) -> tuple[int, int]:
    if blocktype & BLOCK_INDEX:
        func_type = module.types[blocktype & ~BLOCK_INDEX].comp
        assert isinstance(func_type, FuncType)
        return len(func_type.params), len(func_type.results)
    return 0, 0 if blocktype == BOT else 1


def carried(module: Module, number: int, limit: int) -> int:
    """How many operands the branches of a defined function carry, and the ends of its blocks.

    Each target of a `br_table` counts. A compiler that keeps operands in registers has as many
    operands of phis. Counts no further than beyond ``limit``.
    """
    code = module.codes[number]
    reader = Reader(module.data, code.start, code.end)
    total = 0
    comp = module.types[module.all_funcs[module.imported_funcs + number]].comp
    assert isinstance(comp, FuncType)
    labels = [len(comp.results)]  # what a branch to each block that is open carries
    while reader.pos < code.end and total <= limit:
        opcode = read_opcode(reader)
        place = reader.pos
        if OPENS[opcode]:
            params, results = _arities(module, reader.blocktype())
            total += params + results
            if opcode == _TRY_TABLE:
                total += _caught(reader, labels)
            labels.append(params if opcode == _LOOP else results)
        elif opcode in _BRANCHES:
            if opcode == _BR_TABLE:
                for _ in range(reader.length()):
                    total += labels[-1 - reader.u32()]
            elif opcode in _CAST_BRANCHES:
                reader.byte()
            total += labels[-1 - reader.u32()]
        elif (opcode == _END or opcode == _DELEGATE) and len(labels) > 1:
            labels.pop()
        reader.pos = place
        skip_immediates(reader, opcode)
    return total


def _caught(reader: Reader, labels: list[int]) -> int:
    """What the clauses of a `try_table` carry."""
    total = 0
    for _ in range(reader.length()):
        if catch_kind(reader) < CATCH_ALL:
            reader.u32()
        total += labels[-1 - reader.u32()]
    return total
