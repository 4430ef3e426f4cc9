"""The parts of a module that there are many of: compiled, unlike the rest of the model."""

from __future__ import annotations


class Expr:
    """A constant expression: the bytes ``data[start:end]``, including its ``end`` opcode."""

    def __init__(self, start: int, end: int) -> None:
        self.start: int = start
        self.end: int = end

    def _key(self) -> tuple[int, int]:
        return self.start, self.end

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expr) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Expr({self.start}, {self.end})"


class Data:
    """A data segment: the bytes ``data[start:end]`` of the module.

    ``flags`` are the binary format's, so that encoding gives the same bytes; ``offset`` is None
    unless ``mode`` is active.
    """

    def __init__(
        self, flags: int, mode: int, memory: int, offset: Expr | None, start: int, end: int
    ) -> None:
        self.flags: int = flags
        self.mode: int = mode
        self.memory: int = memory
        self.offset: Expr | None = offset
        self.start: int = start
        self.end: int = end

    def _key(self) -> tuple[object, ...]:
        return self.flags, self.mode, self.memory, self.offset, self.start, self.end

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Data) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return (
            f"Data({self.flags}, {self.mode}, {self.memory}, {self.offset}, "
            f"{self.start}, {self.end})"
        )


class Code:
    """A function body in ``Module.data``.

    ``locals`` are runs ``(count, type)`` of the declared locals; ``start`` to ``end`` are the
    instructions, the final ``end`` opcode included; ``body_start`` is where the body's
    declarations begin (just after its size).
    """

    def __init__(
        self, locals: tuple[tuple[int, int], ...], start: int, end: int, body_start: int
    ) -> None:
        self.locals: tuple[tuple[int, int], ...] = locals
        self.start: int = start
        self.end: int = end
        self.body_start: int = body_start

    def _key(self) -> tuple[object, ...]:
        return self.locals, self.start, self.end, self.body_start

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Code) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Code({self.locals}, {self.start}, {self.end}, {self.body_start})"
