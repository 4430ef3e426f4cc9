"""Symbolic identifiers and what they stand for (spec: Text Format > Conventions > Contexts)."""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from wasmwright.binary.writer import byte_string, leb_u32
from wasmwright.text.stream import Stream
from wasmwright.text.tokens import ID, NAT

# How many parameters the locals begin with, where that is up to a type that does not exist.
UNKNOWN_COUNT: Final = -1 << 40


class Vector:
    """A vector of the binary format in the making: how many items it has, and their bytes."""

    __slots__ = ("count", "out")

    def __init__(self) -> None:
        self.count: i64 = 0
        self.out = BytesWriter()

    def add_name(self, index: i64, name: bytes) -> None:
        """Add an entry of a name map."""
        self.count += 1
        leb_u32(self.out, index)
        byte_string(self.out, name)

    def add_vector(self, index: i64, vector: Vector) -> None:
        """Add an entry of an indirect map."""
        self.count += 1
        leb_u32(self.out, index)
        self.out.write(vector.content())

    def content(self) -> bytes:
        """The whole vector."""
        whole = BytesWriter()
        leb_u32(whole, self.count)
        whole.write(self.out.getvalue())
        return whole.getvalue()


class Space:
    """An index space: how many indices it has, and which identifiers are bound to them.

    ``what`` is what messages call its entities; ``names`` is its name map.
    """

    __slots__ = ("count", "ids", "names", "what")

    def __init__(self, what: str) -> None:
        self.what: str = what
        self.ids: dict[bytes, int] = {}
        self.count: i64 = 0
        self.names = Vector()

    def clear(self) -> None:
        """Begin anew, for the next function."""
        self.count = 0
        if self.ids:
            self.ids = {}
        if self.names.count != 0:
            self.names = Vector()

    def bind(self, stream: Stream) -> bytes:
        """The next index, bound to the identifier if one comes next; the identifier or nothing."""
        index = self.count
        self.count = index + 1
        id = stream.take_identifier()
        if id:
            if index < 0:
                raise stream.error_at(stream.pos - 1, "unknown type: it says what locals there are")
            if id in self.ids:
                raise stream.error_at(stream.pos - 1, f"duplicate {self.what} {shown(id)}")
            self.ids[id] = index
        return id

    def index(self, stream: Stream) -> i64:
        """The index that the next token is or stands for."""
        kind = stream.kind()
        if kind == ID:
            id = stream.take_identifier()
            found = self.ids.get(id)
            if found is None:
                raise stream.error_at(stream.pos - 1, f"unknown {self.what} {shown(id)}")
            return found
        if kind == NAT:
            return stream.u32("")
        raise stream.unexpected(f"a {self.what}'s index or identifier")

    def optional_index(self, stream: Stream) -> i64:
        """The index that comes next, or 0 where none does."""
        kind = stream.kind()
        return self.index(stream) if kind == ID or kind == NAT else 0


class Labels:
    """The labels around the current instruction, innermost last; a later one hides its namesake."""

    __slots__ = ("_depths", "_hidden", "_ids", "numbers")

    def __init__(self) -> None:
        self._ids: list[bytes] = []
        self._depths: dict[bytes, int] = {}  # an identifier -> its place in `_ids`
        self._hidden: list[int] = []  # by place: that of the label that it hides, or -1
        self.numbers: i64 = 0  # how many labels the function has had

    def clear(self) -> None:
        """Begin a function, whose body is a block without a label."""
        self._ids = [b""]
        self._hidden = [-1]
        if self._depths:
            self._depths = {}
        self.numbers = 0

    def push(self, id: bytes) -> None:
        """Enter a block; ``id`` is its label or nothing."""
        hidden: i64 = -1
        if id:
            hidden = self._depths.get(id, -1)
            self._depths[id] = len(self._ids)
        self._ids.append(id)
        self._hidden.append(hidden)
        self.numbers += 1

    def pop(self) -> None:
        """Leave the innermost block."""
        id = self._ids.pop()
        hidden: i64 = self._hidden.pop()
        if id:
            if hidden < 0:
                del self._depths[id]
            else:
                self._depths[id] = hidden

    def index(self, stream: Stream) -> i64:
        """The relative depth that the next token is or stands for."""
        kind = stream.kind()
        if kind == NAT:
            return stream.u32("")
        if kind != ID:
            raise stream.unexpected("a label's index or identifier")
        id = stream.take_identifier()
        found = self._depths.get(id)
        if found is None:
            raise stream.error_at(stream.pos - 1, f"unknown label {shown(id)}")
        depth: i64 = found
        return len(self._ids) - 1 - depth

    def match(self, stream: Stream) -> None:
        """Step over an identifier that repeats the innermost label, if one comes next."""
        id = stream.take_identifier()
        if id and id != self._ids[-1]:
            raise stream.error_at(stream.pos - 1, f"mismatching label {shown(id)}")


def shown(id: bytes) -> str:
    """An identifier as a message shows it."""
    return "$" + id.decode()
