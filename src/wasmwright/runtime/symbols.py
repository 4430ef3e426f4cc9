"""What a module calls its functions, and where in its source they are: for people.

Reads the name section, the exports and (through ``runtime.dwarf``) the DWARF of a module when
a backtrace or a profile first asks; produces frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wasmwright import errors
from wasmwright.model.module import KIND_FUNC, Module

if TYPE_CHECKING:
    from wasmwright.binary.names import Names
    from wasmwright.runtime.dwarf import Source


class Symbols:
    """The names of one module's parts. It keeps the module, but none of its code."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self._names: Names | None = None
        self._exported: dict[int, str] | None = None
        self._asked = False
        self._dwarf: Source | None = None

    def frame(self, index: int, offset: int | None) -> errors.Frame:
        """A backtrace frame of function ``index``, at an instruction's offset if it is known."""
        return errors.Frame(index, self.name(index), offset, self.module_name, self)

    @property
    def module_name(self) -> str | None:
        """The module's name, or None."""
        return self._decoded().module

    def name(self, index: int) -> str | None:
        """What the name section, or else an export, calls function ``index``."""
        found = self.own_name(index)
        if found is None:
            if self._exported is None:
                self._exported = {
                    export.index: export.name
                    for export in reversed(self.module.exports)
                    if export.kind == KIND_FUNC
                }
            found = self._exported.get(index)
        return found

    def own_name(self, index: int) -> str | None:
        """What the name section calls function ``index``, or None."""
        return self._decoded().funcs.get(index)

    def start(self, func: int) -> int:
        """Where the body of a function that the module defines begins in the binary."""
        return self.module.codes[func - self.module.imported_funcs].body_start

    def source(self, offset: int) -> tuple[errors.SourceLine, ...]:
        """The places in the source of the instruction at ``offset``, innermost first."""
        if not self._asked:
            from wasmwright.runtime import dwarf

            self._dwarf = dwarf.source(self.module)
            self._asked = True
        return self._dwarf.find(offset) if self._dwarf is not None else ()

    def _decoded(self) -> Names:
        if self._names is None:
            from wasmwright.binary.names import decode_names  # a start does without

            self._names = decode_names(self.module)
        return self._names
