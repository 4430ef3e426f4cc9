"""Function bodies of a module. Compiled, unlike the rest of the model: there are many of them."""

from __future__ import annotations


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
