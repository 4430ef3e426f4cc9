"""Places in the source, from the DWARF that a module brings along.

Reads the custom sections ``.debug_*`` with ``pyelftools`` (the extra ``debug``; without it there
are no places), only when a backtrace is shown. Produces a :class:`SourceLine` for the instruction
and one for each call that the compiler inlined around it. An address is an offset in the content
of the code section (https://yurydelendik.github.io/webassembly-dwarf/). The sections come with the
module, so they may be broken: then nothing is known.
"""

from __future__ import annotations

import bisect
import importlib.util
import inspect
import io
import os
import posixpath
from collections.abc import Iterator
from typing import Any

from wasmwright.errors import SourceLine
from wasmwright.model.module import Module

_CODE_SECTION = 10
_PREFIX = ".debug_"
# Where the linker leaves the addresses of functions that it dropped: nothing is at 0.
_FIRST_TOMBSTONE = 0xFFFFFF00


def source(module: Module) -> Source | None:
    """What the module says of its source, or None if it is not known or not wanted."""
    if os.environ.get("WASMWRIGHT_SOURCE") == "off":
        return None
    if not any(each.name == ".debug_line" for each in module.customs):
        return None
    if importlib.util.find_spec("elftools") is None:
        return None
    try:
        return Source(module)
    except Exception:  # whatever pyelftools trips over in a broken section
        return None


class Source:
    """The DWARF of one module."""

    def __init__(self, module: Module) -> None:
        from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo

        self._start = next(each.start for each in module.sections if each.id == _CODE_SECTION)
        arguments: dict[str, Any] = dict.fromkeys(list(inspect.signature(DWARFInfo).parameters))
        arguments["config"] = DwarfConfig(True, "wasm", 4)
        for section in module.customs:
            argument = f"{section.name[1:]}_sec"
            if section.name.startswith(_PREFIX) and argument in arguments:
                content = module.data[section.start : section.end]
                arguments[argument] = DebugSectionDescriptor(
                    io.BytesIO(content), section.name, 0, len(content), 0
                )
        self._dwarf: Any = DWARFInfo(**arguments)
        self._units: list[tuple[int, int, Any]] = []
        for unit in self._dwarf.iter_CUs():
            self._units += [
                (start, end, unit) for start, end in self._ranges(unit.get_top_DIE(), unit)
            ]
        self._units.sort(key=lambda each: each[0])
        self._rows: dict[int, _Rows] = {}

    def find(self, offset: int) -> tuple[SourceLine, ...]:
        """The places of the instruction at an offset in the binary, innermost first."""
        try:
            return self._find(offset - self._start)
        except Exception:
            return ()

    def _find(self, address: int) -> tuple[SourceLine, ...]:
        at = bisect.bisect_right(self._units, address, key=lambda each: each[0]) - 1
        if at < 0 or address >= self._units[at][1]:
            return ()
        unit = self._units[at][2]
        rows = self._rows.get(unit.cu_offset)
        if rows is None:
            rows = self._rows[unit.cu_offset] = _Rows(self._dwarf.line_program_for_CU(unit))
        place = rows.find(address)
        if place is None:
            return ()
        chain = list(self._functions(unit, address))
        found = []
        for entry in reversed(chain):
            found.append(SourceLine(*place, self._name(entry)))
            attributes = entry.attributes
            if "DW_AT_call_line" not in attributes:
                break
            call = attributes["DW_AT_call_line"].value
            place = rows.file(attributes["DW_AT_call_file"].value), call
        return tuple(found) or (SourceLine(*place),)

    def _functions(self, unit: Any, address: int) -> Iterator[Any]:
        """The entries of the function around an address and of those inlined, outermost first."""
        entry = unit.get_top_DIE()
        while entry is not None:
            inner = None
            for child in entry.iter_children():
                if child.tag in _SCOPES and any(
                    start <= address < end for start, end in self._ranges(child, unit)
                ):
                    inner = child
                    break
            if inner is not None and inner.tag in _FUNCTIONS:
                yield inner
            entry = inner

    def _ranges(self, entry: Any, unit: Any) -> list[tuple[int, int]]:
        attributes = entry.attributes
        if "DW_AT_ranges" in attributes:
            lists = self._dwarf.range_lists()
            base = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
            start = base.value if base is not None else 0
            found = []
            for each in lists.get_range_list_at_offset(attributes["DW_AT_ranges"].value, unit):
                if hasattr(each, "base_address"):
                    start = each.base_address
                else:
                    origin = 0 if each.is_absolute else start
                    found.append((origin + each.begin_offset, origin + each.end_offset))
        elif "DW_AT_low_pc" in attributes and "DW_AT_high_pc" in attributes:
            low = attributes["DW_AT_low_pc"].value
            high = attributes["DW_AT_high_pc"]
            found = [(low, high.value + (0 if high.form == "DW_FORM_addr" else low))]
        else:
            found = []
        return [(start, end) for start, end in found if 0 < start < _FIRST_TOMBSTONE]

    def _name(self, entry: Any) -> str | None:
        for _ in range(8):  # from the inlined one to the abstract one to the declaration
            name = entry.attributes.get("DW_AT_name")
            if name is not None:
                return str(name.value.decode("utf-8", "replace"))
            for link in ("DW_AT_abstract_origin", "DW_AT_specification"):
                if link in entry.attributes:
                    entry = entry.get_DIE_from_attribute(link)
                    break
            else:
                return None
        return None


_FUNCTIONS = ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine")
_SCOPES = (*_FUNCTIONS, "DW_TAG_lexical_block", "DW_TAG_namespace")


class _Rows:
    """The line table of one compilation unit."""

    def __init__(self, program: Any) -> None:
        header = program.header
        self._modern = header.version >= 5
        self._files = header.file_entry
        self._folders = header.include_directory
        self._addresses: list[int] = []
        self._places: list[tuple[int, int]] = []
        rows: list[tuple[int, int, int]] = []
        sequence: list[tuple[int, int, int]] = []
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            sequence.append((state.address, state.file, 0 if state.end_sequence else state.line))
            if state.end_sequence:
                if 0 < sequence[0][0] < _FIRST_TOMBSTONE:
                    rows += sequence
                sequence = []
        rows.sort(key=lambda row: row[0])
        for address, file, line in rows:
            self._addresses.append(address)
            self._places.append((file, line))

    def find(self, address: int) -> tuple[str, int] | None:
        """The file and the line of an address, or None."""
        at = bisect.bisect_right(self._addresses, address) - 1
        if at < 0 or self._places[at][1] == 0:
            return None
        file, line = self._places[at]
        return self.file(file), line

    def file(self, number: int) -> str:
        """The path of a file of the unit; one in the folder of the compilation is only its name."""
        entry = self._files[number if self._modern else number - 1]
        name = entry.name.decode("utf-8", "replace")
        if entry.dir_index:
            folder = self._folders[entry.dir_index if self._modern else entry.dir_index - 1]
            name = posixpath.join(folder.decode("utf-8", "replace"), name)
        return posixpath.normpath(str(name))
