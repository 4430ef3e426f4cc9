"""Snapshots: the state of an instance, to begin others with.

Reads an instance's own memories, globals and tables, and which segments are dropped; what it
imports is not its own. A memory is copied once, into a file in memory that every instance which
begins with it maps privately: a page is copied when it is written to.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from array import array
from collections.abc import Iterator
from typing import Final

from wasmwright.codegen import abi, vm
from wasmwright.errors import LinkError
from wasmwright.model import types
from wasmwright.records import Record
from wasmwright.runtime import native
from wasmwright.runtime.instance import Instance
from wasmwright.runtime.memory import Memory

_CHUNK: Final = 65536
_ZEROS: Final = bytes(_CHUNK)
_MOST_NAMED: Final = 5

# A reference as a number: a function's index, _NULL, or _I31 - the word of an i31.
_NULL: Final = -1
_I31: Final = -2


class Image:
    """The bytes of a memory of ``pages`` pages; picklable, as what is not zero."""

    __slots__ = ("_descriptor", "pages", "size")

    def __init__(self, pages: int, size: int, chunks: Iterator[tuple[int, bytes]]) -> None:
        self._descriptor = -1  # if the next fails, for `__del__`
        self._descriptor = os.memfd_create("wasmwright snapshot", os.MFD_CLOEXEC)
        self.pages = pages
        self.size = vm.round_up(size)
        if size:
            os.ftruncate(self._descriptor, self.size)
            with mmap.mmap(self._descriptor, self.size) as content:
                for at, chunk in chunks:
                    content[at : at + len(chunk)] = chunk

    @classmethod
    def of(cls, memory: Memory) -> Image:
        """A copy of what a memory has now."""
        size = len(memory)
        # Nothing here lets go of the GIL, so no thread enters an instance meanwhile.
        pieces = ((at, min(_CHUNK, size - at)) for at in range(0, size, _CHUNK))
        chunks = ((at, ctypes.string_at(memory.base + at, length)) for at, length in pieces)
        return cls(memory.pages, size, _filled(chunks))

    def put(self, memory: Memory) -> None:
        """Makes it the content of a memory that is not larger; MemoryError if that cannot grow."""
        memory.grow(self.pages - memory.pages)
        if self.size:
            try:
                vm.map_private(memory.base, self.size, self._descriptor)
            except OSError as error:
                raise MemoryError(f"a snapshot cannot be mapped: {error}") from error

    def chunks(self) -> list[tuple[int, bytes]]:
        """What is not zero, by offset."""
        if not self.size:
            return []
        with mmap.mmap(self._descriptor, self.size, prot=mmap.PROT_READ) as content:
            pieces = range(0, self.size, _CHUNK)
            return list(_filled((at, content[at : at + _CHUNK]) for at in pieces))

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _image, (self.pages, self.size, self.chunks())

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


def _image(pages: int, size: int, chunks: list[tuple[int, bytes]]) -> Image:
    return Image(pages, size, iter(chunks))


def _filled(chunks: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    for at, chunk in chunks:
        if chunk != (_ZEROS if len(chunk) == _CHUNK else bytes(len(chunk))):
            yield at, chunk


class Snapshot(Record):
    """The state of an instance, from ``Instance.snapshot``, for ``Module.restore``.

    It has the instance's own memories, tables and globals. Pickling it is like pickling code: take
    one back only from where you would take a program from.
    """

    module: bytes  # its digest
    memories: tuple[Image, ...]
    tables: tuple[array[int], ...]
    globals: tuple[bytes | int, ...]  # a cell of 16 bytes, or a reference
    datas: bytes  # 1 for each segment that is dropped
    elems: bytes

    def __repr__(self) -> str:
        size = sum(each.size for each in self.memories)
        return f"<wasmwright.Snapshot of {size} bytes of memory>"


class _Capture:
    """Takes references apart, and collects what cannot be."""

    def __init__(self, instance: Instance) -> None:
        count = len(instance.module.all_funcs)
        records = [instance.func_record(index) for index in range(count)]
        self._indices = dict(zip(reversed(records), reversed(range(count)), strict=True))
        self.problems: list[str] = []

    def reference(self, word: int, place: str) -> int:
        """The number of a reference that stands at ``place``."""
        found = self._indices.get(word) if word else _NULL
        if found is not None:
            return found
        if word & 1:
            return _I31 - word
        self.problems.append(place)
        return _NULL


def capture(instance: Instance) -> Snapshot:
    """The state of an instance that is not in a call.

    Raises RuntimeError if it is, and ValueError if it holds references to something that the
    module neither defines nor imports: host objects and functions, structures, exceptions.
    """
    if instance.block.root.running:
        raise RuntimeError("an instance in a call has no snapshot: wait until the call is over")
    module, layout = instance.module, instance.code.layout
    found = _Capture(instance)
    cells: list[bytes | int] = []
    for index, declared in enumerate(module.globals, module.imported_globals):
        address = instance.global_address(index)
        if types.is_ref(declared.type.valtype):
            cells.append(found.reference(native.read64(address), f"global {index}"))
        else:
            cells.append(ctypes.string_at(address, 16))
    tables = []
    for number, table in enumerate(instance.tables[module.imported_tables :]):
        place = f"table {number + module.imported_tables} at "
        words = table.words()
        tables.append(array("q", [found.reference(w, f"{place}{i}") for i, w in enumerate(words)]))
    if found.problems:
        more = len(found.problems) - _MOST_NAMED
        places = ", ".join(found.problems[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        raise ValueError(
            "a snapshot cannot hold references to what the module neither defines nor imports "
            f"(host objects and functions, structures, exceptions): {places}"
        )
    memories = instance.memories[module.imported_memories :]
    context = instance.context
    return Snapshot(
        instance.code.digest,
        tuple(map(Image.of, memories)),
        tuple(tables),
        tuple(cells),
        _dropped([context + layout.data(i) for i in range(len(module.datas))]),
        _dropped([context + layout.elem(i) for i in range(len(module.elems))]),
    )


def _dropped(segments: list[int]) -> bytes:
    return bytes(native.read64(each + abi.SEGMENT_LENGTH) == 0 for each in segments)


def restore(instance: Instance, snapshot: Snapshot) -> None:
    """Gives a new instance, which nothing has run in, the state; instead of initialising it.

    Raises LinkError if the snapshot is of another module, MemoryError if it does not fit.
    """
    module, layout = instance.module, instance.code.layout
    if snapshot.module != instance.code.digest:
        raise LinkError("the snapshot is of an instance of another module")

    def word(reference: int) -> int:
        if reference >= 0:
            return instance.func_record(reference)
        return 0 if reference == _NULL else _I31 - reference

    memories = instance.memories[module.imported_memories :]
    for image, memory in zip(snapshot.memories, memories, strict=True):
        image.put(memory)
    for entries, table in zip(
        snapshot.tables, instance.tables[module.imported_tables :], strict=True
    ):
        table.grow(len(entries) - len(table))
        table.fill_raw(0, list(map(word, entries)))
    for index, cell in enumerate(snapshot.globals, module.imported_globals):
        address = instance.global_address(index)
        if isinstance(cell, int):
            native.write64(address, word(cell))
        else:
            ctypes.memmove(address, cell, 16)
    for place, flags in ((layout.data, snapshot.datas), (layout.elem, snapshot.elems)):
        for index, dropped in enumerate(flags):
            if dropped:
                native.write64(instance.context + place(index) + abi.SEGMENT_LENGTH, 0)
