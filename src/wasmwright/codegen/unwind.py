"""What a walk up the stack needs to know of a call, from the sections LLVM writes for that.

Reads, in loaded objects, ``.eh_frame`` (DWARF 5, section 6.4, as the psABIs and the LSB have it),
the tables of landing pads it points to, and ``.llvm_stackmaps`` (version 3); produces a
:class:`CallSite` for an address. What is in these sections was put there by our own compiler
(and is checksummed in the cache), so that anything unexpected is a bug and an ``UnwindError``.

A function that calls keeps a frame pointer, so that its *canonical frame address* (CFA, the stack
pointer in its caller before the call) is a constant beyond that, and its callee-saved registers
are at constants below the CFA. The stack pointer that a landing pad expects is one more such
constant: functions with landing pads have frames of a fixed size, which the stack map tells.
"""

from __future__ import annotations

import bisect
import ctypes
import struct
from typing import Final, NamedTuple

from wasmwright.codegen.arch import HERE
from wasmwright.codegen.dwarf import Cursor
from wasmwright.codegen.objects import LoadedObject

_SAVED: Final = HERE.SAVED_REGISTERS
_FP: Final = HERE.FRAME_POINTER
_SP: Final = HERE.STACK_POINTER

# Call frame instructions.
_ADVANCE: Final = 0x40
_OFFSET: Final = 0x80
_RESTORE: Final = 0xC0
_NOP: Final = 0x00
_ADVANCE1: Final = 0x02
_ADVANCE2: Final = 0x03
_ADVANCE4: Final = 0x04
_OFFSET_EXTENDED: Final = 0x05
_RESTORE_EXTENDED: Final = 0x06
_REMEMBER: Final = 0x0A
_RESTORE_STATE: Final = 0x0B
_DEF_CFA: Final = 0x0C
_DEF_CFA_REGISTER: Final = 0x0D
_DEF_CFA_OFFSET: Final = 0x0E
_ADVANCES: Final = {_ADVANCE1: 1, _ADVANCE2: 2, _ADVANCE4: 4}
_GNU_ARGS_SIZE: Final = 0x2E  # of no interest: the stack map tells where a landing pad has it

# Pointer encodings: the only ones that LLVM uses for code that can be anywhere.
_ULEB128: Final = 0x01
_PCREL_32: Final = 0x1B
_PCREL_64: Final = 0x1C
_INDIRECT: Final = 0x80
_OMIT: Final = 0xFF

_DYNAMIC: Final = (1 << 64) - 1  # a frame's size that the stack map does not know


class UnwindError(Exception):
    """The sections are not as our compiler writes them: a bug in us."""


class CallSite:
    """One call. Addresses are absolute; the rest are signed offsets in bytes.

    ``cfa`` is from the frame pointer to the CFA. ``saved`` has, from the CFA, where the function
    saved each of ``arch.SAVED_REGISTERS``, or 0 where it did not. ``pad`` is the landing pad, or 0;
    ``stack`` is from the CFA to where the stack pointer has to be there.
    """

    __slots__ = ("cfa", "pad", "saved", "stack")

    def __init__(self, cfa: int, saved: tuple[int, ...], pad: int, stack: int) -> None:
        self.cfa = cfa
        self.saved = saved
        self.pad = pad
        self.stack = stack


class _Rule(NamedTuple):
    """How the CFA is computed somewhere in a function, and whether its frame pointer is set."""

    register: int
    offset: int
    framed: bool = False

    def of(self, register: int, offset: int) -> _Rule:
        """The rule that follows this one."""
        # A return address that calls do not push leaves the frame when its caller's pointer does.
        return _Rule(register, offset, register == _FP or (self.framed and not HERE.CALL_PUSHES))


_POINTERS: Final = {_PCREL_32: struct.Struct("<i"), _PCREL_64: struct.Struct("<q")}


class _Cursor(Cursor):
    """A reader of a section; ``address`` is where the section is loaded."""

    __slots__ = ("address",)

    def __init__(self, address: int, size: int) -> None:
        super().__init__(ctypes.string_at(address, size))
        self.address = address

    def pointer(self, encoding: int = _PCREL_32) -> int:
        """A pointer of an encoding; 0 is none."""
        place = self.address + self.pos
        layout = _POINTERS[encoding]
        (offset,) = layout.unpack_from(self.data, self.pos)
        self.pos += layout.size
        return place + int(offset) if offset else 0


class _Function:
    """An entry of the frame table: the function's range and where its description goes on."""

    __slots__ = ("end", "instructions", "instructions_end", "lsda", "start")

    def __init__(self, start: int, end: int, lsda: int) -> None:
        self.start = start
        self.end = end
        self.lsda = lsda
        self.instructions = 0
        self.instructions_end = 0


class ObjectFrames:
    """The frames of the functions of a loaded object; needs it to stay loaded."""

    def __init__(self, loaded: LoadedObject) -> None:
        self._end = loaded.address + loaded.size
        self._frames = _Cursor(*loaded.sections.get(".eh_frame", (loaded.address, 0)))
        self._functions = sorted(self._read_frames(), key=lambda each: each.start)
        self._starts = [each.start for each in self._functions]
        self._sizes: dict[int, int] = {}
        if ".llvm_stackmaps" in loaded.sections:
            self._sizes = _stack_sizes(_Cursor(*loaded.sections[".llvm_stackmaps"]))

    def call_site(self, return_address: int) -> CallSite | None:
        """The call that returns to an address, or None if it is in no function described here."""
        address = return_address - 1  # a call may be the last thing in its function
        at = bisect.bisect_right(self._starts, address) - 1
        if at < 0 or address >= self._functions[at].end:
            return None
        function = self._functions[at]
        cfa, saved = self._frame(function)
        pad = self._landing_pad(function, address) if function.lsda else 0
        stack = 0
        if pad:
            size = self._sizes.get(function.start, _DYNAMIC)
            if size == _DYNAMIC:
                raise UnwindError(f"the frame at 0x{function.start:x} has no fixed size")
            stack = -HERE.CALL_PUSHES - size
        return CallSite(cfa, saved, pad, stack)

    def unframed(self, address: int) -> int | None:
        """Where stopped code has the address it returns to, as an offset from the stack pointer (0,
        too, for the register that a call puts it in); None where it has a frame pointer.
        """
        at = bisect.bisect_right(self._starts, address) - 1
        if at < 0 or address >= self._functions[at].end:
            return None
        function = self._functions[at]
        cursor = self._frames
        cursor.pos = function.instructions
        place, rule, kept = function.start, _Rule(_SP, HERE.CALL_PUSHES), []
        while cursor.pos < function.instructions_end:
            code = cursor.byte()
            size = _ADVANCES.get(code)
            if size is not None or code & 0xC0 == _ADVANCE:
                place += code & 0x3F if size is None else cursor.fixed(size)
                if place > address:
                    break
            elif code & 0xC0 == _OFFSET or code in (_GNU_ARGS_SIZE, _RESTORE_EXTENDED):
                cursor.uleb()
            elif code == _OFFSET_EXTENDED:
                cursor.uleb(), cursor.uleb()
            elif code == _DEF_CFA:
                rule = rule.of(cursor.uleb(), cursor.uleb())
            elif code == _DEF_CFA_REGISTER:
                rule = rule.of(cursor.uleb(), rule.offset)
            elif code == _DEF_CFA_OFFSET:
                rule = rule.of(rule.register, cursor.uleb())
            elif code == _RESTORE | _FP:
                rule = _Rule(rule.register, rule.offset)
            elif code == _REMEMBER:
                kept.append(rule)
            elif code == _RESTORE_STATE:
                rule = kept.pop()
        if rule.framed:
            return None
        return rule.offset - HERE.CALL_PUSHES if HERE.CALL_PUSHES else 0

    def _read_frames(self) -> list[_Function]:
        found: list[_Function] = []
        cursor = self._frames
        lsda: dict[int, int] = {}
        while cursor.pos < len(cursor.data):
            length = cursor.fixed(4)
            if length == 0:
                break
            body = cursor.pos
            end = body + length
            back = cursor.fixed(4)
            if back == 0:
                lsda[body - 4] = self._common(cursor)
            else:
                start = cursor.pointer()
                function = _Function(start, start + cursor.fixed(4), 0)
                data_end = cursor.uleb()
                data_end += cursor.pos
                if encoding := lsda[body - back]:
                    function.lsda = cursor.pointer(encoding)
                function.instructions, function.instructions_end = data_end, end
                found.append(function)
            cursor.pos = end
        return found

    def _common(self, cursor: _Cursor) -> int:
        """Checks what the frames of several functions share.

        Gives the encoding of pointers to tables of landing pads, 0 if they have none.
        """
        version = cursor.byte()
        augmentation = cursor.data[cursor.pos : cursor.data.index(b"\0", cursor.pos)].decode()
        cursor.pos += len(augmentation) + 1
        code, data, _ = cursor.uleb(), cursor.sleb(), cursor.uleb()
        if (version, code, data) != (1, 1, HERE.DATA_ALIGNMENT) or augmentation[:1] != "z":
            raise UnwindError(f"frames of version {version}{augmentation}, in units of {code}")
        cursor.uleb()
        lsda = 0
        for letter in augmentation[1:]:
            encoding = cursor.byte()
            if letter == "P":
                cursor.pointer(encoding & ~_INDIRECT)
            elif letter == "L" and encoding in _POINTERS:
                lsda = encoding
            elif letter != "R" or encoding != _PCREL_32:
                raise UnwindError(f"frames with the augmentation {augmentation}")
        return lsda

    def _frame(self, function: _Function) -> tuple[int, tuple[int, ...]]:
        """The offset of the CFA from the frame pointer, and where registers are saved.

        These hold wherever the function calls: after its prologue, whatever goes before.
        """
        cursor = self._frames
        cursor.pos = function.instructions
        register = offset = cfa = 0
        saved = dict.fromkeys(_SAVED, 0)
        while cursor.pos < function.instructions_end:
            code = cursor.byte()
            if code & 0xC0 == _OFFSET:
                saved[code & 0x3F] = cursor.uleb() * HERE.DATA_ALIGNMENT
            elif code == _OFFSET_EXTENDED:
                each = cursor.uleb()
                saved[each] = cursor.uleb() * HERE.DATA_ALIGNMENT
            elif code == _DEF_CFA:
                register, offset = cursor.uleb(), cursor.uleb()
            elif code == _DEF_CFA_REGISTER:
                register = cursor.uleb()
            elif code == _DEF_CFA_OFFSET:
                offset = cursor.uleb()
            elif code in (_GNU_ARGS_SIZE, _RESTORE_EXTENDED):
                cursor.uleb()
            elif code in (_ADVANCE1, _ADVANCE2, _ADVANCE4):
                cursor.pos += _ADVANCES[code]
            elif code & 0xC0 not in (_ADVANCE, _RESTORE) and code not in (
                _NOP,
                _REMEMBER,
                _RESTORE_STATE,
            ):
                raise UnwindError(f"call frame instruction 0x{code:02x}")
            if register == _FP:
                if cfa not in (0, offset):
                    raise UnwindError(f"two frames in the function at 0x{function.start:x}")
                cfa = offset
        if saved.pop(_FP, 0) != -cfa or not cfa:
            raise UnwindError(f"no frame pointer in the function at 0x{function.start:x}")
        return cfa, tuple(saved[each] for each in _SAVED)

    def _landing_pad(self, function: _Function, address: int) -> int:
        """Where an exception goes that comes out of the call at ``address``, or 0."""
        cursor = _Cursor(function.lsda, self._end - function.lsda)
        if cursor.byte() != _OMIT:
            raise UnwindError("landing pads with a base of their own")
        if cursor.byte() != _OMIT:
            cursor.uleb()
        if cursor.byte() != _ULEB128:
            raise UnwindError("landing pads not in ULEB128")
        end = cursor.uleb()
        end += cursor.pos
        offset = address - function.start
        while cursor.pos < end:
            start, size, pad, _ = cursor.uleb(), cursor.uleb(), cursor.uleb(), cursor.uleb()
            if start <= offset < start + size:
                return function.start + pad if pad else 0
        return 0


def _stack_sizes(cursor: _Cursor) -> dict[int, int]:
    """The sizes of the frames of the functions (by address) that have a stack map."""
    if cursor.fixed(4) != 3:
        raise UnwindError("stack maps of another version")
    count = cursor.fixed(4)
    cursor.pos += 8
    sizes: dict[int, int] = {}
    for _ in range(count):
        function, size = cursor.fixed(8), cursor.fixed(8)
        cursor.pos += 8
        sizes[function] = size
    return sizes
