"""Branch hints as annotations (spec: Code Metadata > Branch Hints).

Reads the custom section ``metadata.code.branch_hint`` and says which instructions are hinted.
Where an annotation cannot say the same as the section, there are none, and the section is
printed as it is.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.binary.cursor import read_opcode, skip_immediates
from wasmwright.binary.reader import Reader
from wasmwright.errors import CompileError
from wasmwright.isa import slot
from wasmwright.model.module import Custom, Module
from wasmwright.model.parts import Code
from wasmwright.text.printer_flat import Hints

BRANCH_HINTS: Final = "metadata.code.branch_hint"

_IF: Final = slot("if")
_BR_IF: Final = slot("br_if")
_CODE_SECTION: Final = 10
_ANNOTATIONS: Final = (
    b'(@metadata.code.branch_hint "\\00") ',
    b'(@metadata.code.branch_hint "\\01") ',
)


def hints_section(module: Module) -> Custom | None:
    """The section whose hints `branch_hints` gives: the only one, just before the code."""
    found: Custom | None = None
    last: i64 = 0
    for section in module.sections:
        if section.id == _CODE_SECTION:
            break
        if section.id != 0:
            last = section.id
    for custom in module.customs:
        if custom.name == BRANCH_HINTS:
            if found is not None or custom.after != last:
                return None
            found = custom
    return found


def branch_hints(module: Module) -> dict[int, Hints] | None:
    """By function index, what stands before the instruction at each hinted offset.

    Offsets are into ``module.data``. None where there is no section, or one that is malformed,
    out of order, or hints at what is no branch.
    """
    section = hints_section(module)
    if section is None:
        return None
    try:
        return _read(module, Reader(module.data, section.start, section.end))
    except CompileError:
        return None


def _read(module: Module, reader: Reader) -> dict[int, Hints] | None:
    found: dict[int, Hints] = {}
    last: i64 = -1
    imported = module.imported_funcs
    for _ in range(reader.length()):
        func = reader.u32()
        defined = func - imported
        if func <= last or defined < 0 or defined >= len(module.codes):
            return None
        last = func
        hints = _function(reader, module.codes[defined])
        if not hints or not _all_branches(module, module.codes[defined], hints):
            return None
        found[func] = hints
    return found if reader.pos == reader.end else None


def _function(reader: Reader, code: Code) -> Hints:
    """The hints of one function; none where one cannot be an annotation."""
    hints: Hints = {}
    last: i64 = -1
    fine = True
    for _ in range(reader.length()):
        offset = reader.u32()
        size = reader.u32()
        value = reader.byte()
        if size != 1 or value > 1 or offset <= last:
            fine = False
            value = 0
        last = offset
        hints[code.body_start + offset] = _ANNOTATIONS[value]
    return hints if fine else {}


def _all_branches(module: Module, code: Code, hints: Hints) -> bool:
    """Whether each hint is at the offset of an ``if`` or ``br_if``."""
    reader = Reader(module.data, code.start, code.end)
    found: i64 = 0
    while reader.pos < code.end:
        pos = reader.pos
        opcode = read_opcode(reader)
        if pos in hints:
            if opcode != _IF and opcode != _BR_IF:
                return False
            found += 1
        skip_immediates(reader, opcode)
    return found == len(hints)
