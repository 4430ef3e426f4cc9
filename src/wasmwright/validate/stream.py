"""A module that arrives piece by piece: as much of it is checked as is there.

Takes bytes as they come and keeps them. Sections before the code are decoded and validated once
they are complete, function bodies one by one; what is left to do when all has come is what needs
the whole. The first error in the order of arrival is raised, and a module that has one error gets
the same one, with the same offset, as from :func:`~wasmwright.binary.decode.decode` and
:func:`~wasmwright.validate.validate`.

That is why some errors wait for the end of the input: what the format's length fields are held
against is how much input there is (``length out of bounds``, ``unexpected end``). After such a
one, bytes are only gathered, and at the end the whole is decoded for what it is.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright import limits as limit
from wasmwright.binary.code import check_body, code_entry
from wasmwright.binary.decode import Contents, check_header, decode, module_of, next_section
from wasmwright.binary.preamble import MAGIC
from wasmwright.binary.reader import Reader, too_many
from wasmwright.binary.sections import (
    CODE_SECTION,
    CUSTOM_SECTION,
    DATA_SECTION,
    SECTION_PLACE,
    TAG_SECTION,
    TYPE_SECTION,
)
from wasmwright.errors import CompileError, InvalidError, MalformedError
from wasmwright.model.module import Module
from wasmwright.model.parts import Code
from wasmwright.validate.body import Body
from wasmwright.validate.module import ModuleChecker

_HEADER_SIZE: Final = 8
_LONGEST_LEB: Final = 5
# What errors begin with that more input may undo or change.
_OPEN: Final = ("unexpected end", "length out of bounds", "END opcode expected")

# What comes next.
_HEADER: Final = 0
_SECTION: Final = 1
_BODY: Final = 2
_REST: Final = 3  # of what is not looked at before all is there


class StreamChecker:
    """The pieces so far. :meth:`feed` takes the next one, :meth:`finish` gives the module.

    ``most`` bytes are taken at most. ``head`` is the module without bodies and data segments, from
    when its code section begins; ``codes`` are the bodies that were checked, with their places in
    the whole. Takes time linear in the module's size however small the pieces are, and twice its
    size of memory.
    """

    def __init__(self, features: int, most: int) -> None:
        self.features: int = features
        self.most: int = most
        self.head: Module | None = None
        self.codes: list[Code] = []
        self._data: bytearray = bytearray()
        self._next: i64 = _HEADER
        self._at: int = 0  # where what comes next begins
        self._need: int = 0  # how far the input must reach before it is looked at
        self._contents: Contents = Contents()
        self._decoded: int = _HEADER_SIZE  # up to where sections are in `_contents`
        self._body: Body | None = None
        self._known: dict[bytes, tuple[tuple[int, int], ...]] = {}
        self._code_end: int = 0
        self._left: int = 0  # bodies of the code section that have not come yet

    def feed(self, piece: bytes) -> None:
        """Take the next bytes; MalformedError or InvalidError for what is wrong up to there."""
        size = len(self._data) + len(piece)
        if size > self.most:
            raise too_many("bytes", size, self.most, "of a stream", 0)
        self._data += piece
        try:
            while self._next != _REST and len(self._data) >= self._need and self._step():
                pass
        except MalformedError as error:
            if not error.message.startswith(_OPEN):
                raise
            self._next = _REST

    def snapshot(self) -> tuple[bytes, tuple[Code, ...]]:
        """All bytes that have come, and the bodies that were checked; from any thread."""
        codes = tuple(self.codes)  # before the bytes that they are in
        return bytes(self._data), codes

    def finish(self) -> Module:
        """The module, after the last piece."""
        module = decode(bytes(self._data), self.features)
        checker = ModuleChecker(module, self.features)
        body = checker.check_head()
        checked = len(self.codes)
        # The bodies so far were checked against the same sections, and are the first ones.
        checker.check_codes(body, module.codes[checked:], module.imported_funcs + checked)
        return module

    def _step(self) -> bool:
        """Look at what comes next; False if not enough has come."""
        if self._next == _HEADER:
            return self._header()
        if self._next == _SECTION:
            return self._section()
        self._bodies()
        return False

    def _slice(self, start: int, end: int) -> bytes:
        return bytes(self._data[start:end])

    def _header(self) -> bool:
        start = self._slice(0, _HEADER_SIZE)
        if len(start) < _HEADER_SIZE and MAGIC.startswith(start[:4]):
            return False
        check_header(start)
        self._at = _HEADER_SIZE
        self._next = _SECTION
        return True

    # Sections

    def _section(self) -> bool:
        self._need = self._at + 1 + _LONGEST_LEB
        if len(self._data) < self._need:
            return False
        reader = Reader(self._slice(self._at, self._need))
        section = reader.byte()
        if section != CUSTOM_SECTION:
            last: i64 = SECTION_PLACE[self._contents.last]
            if section > TAG_SECTION or SECTION_PLACE[section] <= last:
                self._decode(self._at + 1)  # which says so
        try:
            size: int = reader.u32()
        except MalformedError:
            self._decode(self._at + 1)
            raise
        start = self._at + reader.pos
        if section == CODE_SECTION:
            return self._start_code(start, size)
        if section == DATA_SECTION:
            self._next = _REST
            return False
        self._need = start + size
        if len(self._data) < self._need:
            return False
        self._at = self._need
        # Custom ones are decoded with the next other one, so that many of them cost no more.
        if section != CUSTOM_SECTION:
            self._decode(self._at)
            if section == TYPE_SECTION:
                # All else that is wrong shows before the code.
                ModuleChecker(module_of(b"", self._contents), self.features).check_types()
        return True

    def _decode(self, end: int) -> None:
        """Decode the sections that begin before ``end``."""
        reader = Reader(bytes(self._data), self._decoded, len(self._data), self.features)
        while reader.pos < end:
            next_section(reader, self._contents)
        self._decoded = reader.pos

    # Function bodies

    def _start_code(self, start: int, size: int) -> bool:
        self._need = start + min(size, _LONGEST_LEB)
        if len(self._data) < self._need:
            return False
        self._decode(self._at)
        head = module_of(bytes(self._data), self._contents)
        self._body = ModuleChecker(head, self.features).check_head()
        self.head = head
        reader = Reader(self._slice(start, self._need))
        try:
            self._left = reader.u32()
        except MalformedError as error:
            raise _moved(error, start, None) from None
        self._at = start + reader.pos
        self._code_end = start + size
        self._next = _BODY if self._left == len(head.funcs) else _REST
        return True

    def _bodies(self) -> None:
        """Check the bodies that are complete."""
        base = self._at
        piece = self._slice(base, len(self._data))
        reader = Reader(piece, 0, len(piece), self.features)
        codes: list[Code] = []
        head = self.head
        assert head is not None
        first = head.imported_funcs + len(self.codes)
        try:
            while len(codes) < self._left and self._complete(reader, base):
                codes.append(code_entry(reader, self._known))
        except CompileError as error:
            raise _moved(error, base, first + len(codes)) from None
        self._at = base + reader.pos
        self._check_codes(piece, base, codes, first)
        self._left -= len(codes)
        if self._left == 0:
            self._next = _REST

    def _complete(self, reader: Reader, base: int) -> bool:
        """Whether the body that the reader stands at is there to its end; if not, see `_need`."""
        pos = reader.pos
        left = reader.end - pos
        if left < _LONGEST_LEB and (left == 0 or reader.data[reader.end - 1] >= 0x80):
            # Not even its size may be there.
            self._need = base + reader.end + 1
            return False
        size = reader.u32()
        end = base + reader.pos + size
        reader.pos = pos
        if size > limit.MAX_FUNCTION_SIZE or end > self._code_end:
            # What is to be said of it takes the end of the input.
            raise MalformedError("unexpected end")
        self._need = end
        return len(self._data) >= end

    def _check_codes(self, piece: bytes, base: int, codes: list[Code], first: int) -> None:
        body = self._body
        head = self.head
        assert body is not None
        assert head is not None
        body.reader.data = piece
        checker = ModuleChecker(head, self.features)
        for number, code in enumerate(codes):
            whole = Code(code.locals, code.start + base, code.end + base, code.body_start + base)
            try:
                checker.check_codes(body, [code], first + number)
            except MalformedError:
                # Which error it is takes what follows the body, and has places in its words.
                check_body(bytes(base) + piece, whole, self.features, first + number)
                raise MalformedError("unexpected end") from None
            except InvalidError as error:
                raise _moved(error, base, error.func) from None
            self.codes.append(whole)


def _moved(error: CompileError, base: int, func: int | None) -> CompileError:
    """An error in a piece that begins at ``base``, as one in the whole."""
    offset = None if error.offset is None else error.offset + base
    return type(error)(error.message, offset, func)
