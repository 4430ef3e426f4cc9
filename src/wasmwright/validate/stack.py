"""The operand stack and the control stack (spec: Appendix > Validation Algorithm).

Both are flat vectors of machine words. Result types are packed as
:mod:`wasmwright.validate.context` says; a frame of the control stack is ``FRAME`` words, and is
known by the place of its first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64

from wasmwright import limits
from wasmwright.errors import InvalidError
from wasmwright.model.types import BOT, HEAP_BOT, REF
from wasmwright.validate.context import COUNT_BITS, COUNT_MASK, EMPTY, Context, unknown
from wasmwright.validate.rules import name_of
from wasmwright.validate.subtyping import matches

# The words of a frame.
FRAME: Final = 8
KIND: Final = 0  # the rule of the instruction that opened it
HEIGHT: Final = 1  # of the operand stack below the block's parameters
DEAD: Final = 2  # 1 if the rest of the block is unreachable
PARAMS: Final = 3  # packed result types
RESULTS: Final = 4
LABEL: Final = 5  # what a branch to the block takes
INITS: Final = 6  # how many locals were initialised when it began

NO_FRAME: Final = -FRAME

_ROOM: Final = 256


class Stack:
    """The types of the operands, and the blocks around the current instruction.

    The operands are ``types[:height]``, those of the innermost block ``types[base:height]``.
    ``top`` is the innermost frame's place in ``frames``, or ``NO_FRAME``; ``dead`` whether the code
    after the current instruction cannot be reached. ``slot`` names that instruction in messages.
    """

    __slots__ = ("base", "context", "dead", "frames", "height", "slot", "top", "types")

    def __init__(self, context: Context) -> None:
        self.context: Context = context
        self.types: vec[i64] = vec[i64]([BOT] * _ROOM)
        self.height: i64 = 0
        self.base: i64 = 0
        self.dead: bool = False
        self.frames: vec[i64] = vec[i64]([0] * (FRAME * _ROOM))
        self.top: i64 = NO_FRAME
        self.slot: i64 = 0

    # Operands

    def reserve(self, count: i64) -> None:
        """Make room in ``types`` for ``count`` more operands."""
        need = self.height + count
        if need <= len(self.types):
            return
        if need > limits.MAX_OPERANDS:
            raise InvalidError(
                f"operand stack too high: the implementation limit MAX_OPERANDS is "
                f"{limits.MAX_OPERANDS}"
            )
        types = self.types
        while len(types) < need:
            for _ in range(len(types)):
                types = append(types, BOT)
        self.types = types

    def push(self, valtype: i64) -> None:
        """Push an operand."""
        if self.height == len(self.types):
            self.reserve(1)
        self.types[self.height] = valtype
        self.height += 1

    def push_all(self, packed: i64) -> None:
        """Push operands of a packed result type, the last on top."""
        count = packed & COUNT_MASK
        if count == 0:
            return
        self.reserve(count)
        types = self.types
        flat = self.context.flat
        height = self.height
        place = packed >> COUNT_BITS
        for i in range(count):
            types[height + i] = flat[place + i]
        self.height = height + count

    def pop_any(self) -> i64:
        """Pop an operand of whatever type; ``BOT`` where unreachable code has none."""
        if self.height == self.base:
            if self.dead:
                return BOT
            raise self.mismatch("[any]", 1)
        self.height -= 1
        return self.types[self.height]

    def pop(self, expected: i64) -> i64:
        """Pop an operand that matches ``expected``; its own type."""
        if self.height == self.base:
            if self.dead:
                return BOT
            raise self.mismatch(self.context.type_list([expected]), 1)
        actual = self.types[self.height - 1]
        if actual != expected and not matches(self.context.canon, actual, expected):
            raise self.mismatch(self.context.type_list([expected]), 1)
        self.height -= 1
        return actual

    def pop_ref(self) -> i64:
        """Pop a reference of whatever type; ``(ref bot)`` where unreachable code has none."""
        if self.height > self.base and self.types[self.height - 1] & REF == 0:
            if self.types[self.height - 1] != BOT:
                raise self.mismatch("[a reference]", 1)
        actual = self.pop_any()
        return REF | HEAP_BOT if actual == BOT else actual

    def check_all(self, packed: i64) -> None:
        """Raise unless the topmost operands match a packed result type; pop nothing."""
        count = packed & COUNT_MASK
        types = self.types
        flat = self.context.flat
        first = self.height - count
        place = packed >> COUNT_BITS
        # Unreachable code has whatever is wanted below the operands it has pushed itself.
        if first < self.base and not self.dead:
            raise self.mismatch(self.context.type_list(self.context.unpack(packed)), count)
        i: i64 = 0
        if first < self.base:
            i = self.base - first
        while i < count:
            actual = types[first + i]
            if actual != flat[place + i] and not matches(
                self.context.canon, actual, flat[place + i]
            ):
                raise self.mismatch(self.context.type_list(self.context.unpack(packed)), count)
            i += 1

    def pop_all(self, packed: i64) -> None:
        """Pop operands that match a packed result type, the last from the top."""
        if packed & COUNT_MASK == 0:
            return
        self.check_all(packed)
        self.height -= packed & COUNT_MASK
        if self.height < self.base:
            self.height = self.base

    def pop_list(self, expected: Sequence[int]) -> None:
        """Pop operands that match these types, the last from the top."""
        count: i64 = len(expected)
        first = self.height - count
        if first < self.base and not self.dead:
            raise self.mismatch(self.context.type_list(expected), count)
        i: i64 = 0
        if first < self.base:
            i = self.base - first
        while i < count:
            if not matches(self.context.canon, self.types[first + i], expected[i]):
                raise self.mismatch(self.context.type_list(expected), count)
            i += 1
        self.height = first if first > self.base else self.base

    def pop_many(self, expected: i64, count: i64) -> None:
        """Pop ``count`` operands that match ``expected``."""
        first = self.height - count
        if first < self.base:
            if not self.dead:
                raise self.mismatch(f"{count} of {self.context.type_list([expected])}", count)
            first = self.base
        for i in range(first, self.height):
            if not matches(self.context.canon, self.types[i], expected):
                raise self.mismatch(f"{count} of {self.context.type_list([expected])}", count)
        self.height = first

    def mismatch(self, expected: str, count: i64) -> InvalidError:
        """The error of finding something else than ``count`` operands that are ``expected``."""
        found = self.context.type_list(self.operands()[-count:])
        return InvalidError(
            f"type mismatch: instruction requires {expected} but stack has {found} "
            f"in {name_of(self.slot)}"
        )

    def operands(self) -> list[int]:
        """The types of the innermost block's operands."""
        return [self.types[i] for i in range(self.base, self.height)]

    # Blocks

    def enter(self, kind: i64, params: i64, results: i64, label: i64, inits: i64) -> None:
        """Begin a block, whose parameters have been popped; they are pushed again."""
        place = self.top + FRAME
        if place >= FRAME * limits.MAX_CONTROL_DEPTH:
            raise InvalidError(
                f"blocks nested too deep: the implementation limit MAX_CONTROL_DEPTH is "
                f"{limits.MAX_CONTROL_DEPTH}"
            )
        frames = self.frames
        if place == len(frames):
            for _ in range(place):
                frames = append(frames, 0)
            self.frames = frames
        frames[place + KIND] = kind
        frames[place + HEIGHT] = self.height
        frames[place + DEAD] = 0
        frames[place + PARAMS] = params
        frames[place + RESULTS] = results
        frames[place + LABEL] = label
        frames[place + INITS] = inits
        self.top = place
        self.base = self.height
        self.dead = False
        if params != EMPTY:
            self.push_all(params)

    def room(self) -> i64:
        """The place below which a frame may be written without more ado."""
        most: i64 = FRAME * limits.MAX_CONTROL_DEPTH
        return min(len(self.frames), most)

    def leave(self) -> i64:
        """End the innermost block, after a check of its results; its place in ``frames``.

        The results are popped. Until the next block begins, the frame's words can be read.
        """
        frames = self.frames
        place = self.top
        results = frames[place + RESULTS]
        if results != EMPTY:
            self.pop_all(results)
        if self.height != self.base:
            self.push_all(results)
            expected = self.context.type_list(self.context.unpack(results))
            found = self.context.type_list(self.operands())
            raise InvalidError(
                f"type mismatch: block requires {expected} but stack has {found} "
                f"in {name_of(self.slot)}"
            )
        self.top = place - FRAME
        if place != 0:
            self.base = frames[place - FRAME + HEIGHT]
            self.dead = frames[place - FRAME + DEAD] != 0
        return place

    def kill(self) -> None:
        """Make the rest of the innermost block unreachable."""
        self.height = self.base
        self.dead = True
        self.frames[self.top + DEAD] = 1

    def frame(self, depth: i64) -> i64:
        """The place of the frame that a label of this relative depth means."""
        place = self.top - depth * FRAME
        if place < 0:
            raise unknown("label", depth)
        return place
