"""LLVM IR from structured Python, for runtime parts that are more than a few instructions.

A :class:`Function` is written top to bottom: operators on a :class:`Value` emit instructions,
``with`` blocks are the control flow, and a :class:`Variable` is a value that may be set again
(LLVM makes registers of them). Integers are unsigned: ``<`` and ``>>`` are LLVM's ``ult`` and
``lshr``. Adding to a pointer counts bytes; the difference of two pointers is an ``i64``.

::

    f = Function("ww_sum", I64, array=PTR, count=I64)
    total = f.var(I64, 0)
    with f.count(f.arg("count")) as i:
        total.set(total + f.load(I64, f.arg("array") + i * 8))
    f.ret(total)
    text = f.text()
"""

from __future__ import annotations

from types import TracebackType
from typing import Final

VOID: Final = "void"
I1: Final = "i1"
I8: Final = "i8"
I16: Final = "i16"
I32: Final = "i32"
I64: Final = "i64"
PTR: Final = "ptr"

_BITS: Final[dict[str, int]] = {I1: 1, I8: 8, I16: 16, I32: 32, I64: 64}


class Value:
    """An operand: its LLVM type and its text."""

    __slots__ = ("_text", "function", "kind")

    def __init__(self, function: Function, kind: str, text: str) -> None:
        self.function = function
        self.kind = kind
        self._text = text

    def use(self) -> str:
        """The operand's text, where it is used."""
        return self._text

    def __add__(self, other: Operand) -> Value:
        if self.kind == PTR:
            offset = self.function.operand(other, I64)
            return self.function.define(PTR, f"getelementptr i8, ptr {self.use()}, i64 {offset}")
        return self._binary("add", other)

    def __sub__(self, other: Operand) -> Value:
        if self.kind == PTR:
            assert isinstance(other, Value)
            return self.integer() - other.integer()
        return self._binary("sub", other)

    def __mul__(self, other: Operand) -> Value:
        return self._binary("mul", other)

    def __and__(self, other: Operand) -> Value:
        return self._binary("and", other)

    def __or__(self, other: Operand) -> Value:
        return self._binary("or", other)

    def __xor__(self, other: Operand) -> Value:
        return self._binary("xor", other)

    def __lshift__(self, other: Operand) -> Value:
        return self._binary("shl", other)

    def __rshift__(self, other: Operand) -> Value:
        return self._binary("lshr", other)

    def __lt__(self, other: Operand) -> Value:
        return self._compare("ult", other)

    def __le__(self, other: Operand) -> Value:
        return self._compare("ule", other)

    def __gt__(self, other: Operand) -> Value:
        return self._compare("ugt", other)

    def __ge__(self, other: Operand) -> Value:
        return self._compare("uge", other)

    def equals(self, other: Operand) -> Value:
        """Whether the two are equal."""
        return self._compare("eq", other)

    def differs(self, other: Operand) -> Value:
        """Whether the two are not equal."""
        return self._compare("ne", other)

    def either(self, then: Operand, other: Operand, kind: str = I64) -> Value:
        """``then`` if this condition holds, else ``other``; both are computed."""
        f = self.function
        first, second = f.operand(then, kind), f.operand(other, kind)
        return f.define(kind, f"select i1 {self.use()}, {kind} {first}, {kind} {second}")

    def to(self, kind: str) -> Value:
        """The value in another integer type, cut off or filled with zeros."""
        if kind == self.kind:
            return self
        verb = "trunc" if _BITS[kind] < _BITS[self.kind] else "zext"
        return self.function.define(kind, f"{verb} {self.kind} {self.use()} to {kind}")

    def integer(self) -> Value:
        """A pointer as an i64."""
        if self.kind == I64:
            return self
        return self.function.define(I64, f"ptrtoint ptr {self.use()} to i64")

    def pointer(self) -> Value:
        """An i64 as a pointer."""
        if self.kind == PTR:
            return self
        return self.function.define(PTR, f"inttoptr i64 {self.use()} to ptr")

    def _binary(self, verb: str, other: Operand) -> Value:
        operand = self.function.operand(other, self.kind)
        return self.function.define(self.kind, f"{verb} {self.kind} {self.use()}, {operand}")

    def _compare(self, verb: str, other: Operand) -> Value:
        operand = self.function.operand(other, self.kind)
        return self.function.define(I1, f"icmp {verb} {self.kind} {self.use()}, {operand}")


Operand = Value | int


class Variable(Value):
    """A value that may be set again."""

    __slots__ = ()

    def use(self) -> str:
        f = self.function
        return f.define(self.kind, f"load {self.kind}, ptr {self._text}").use()

    def set(self, value: Operand) -> None:
        """Gives it a value."""
        f = self.function
        f.emit(f"store {self.kind} {f.operand(value, self.kind)}, ptr {self._text}")

    def address(self) -> Value:
        """Where it is, on the stack."""
        return Value(self.function, PTR, self._text)

    def get(self) -> Value:
        """The present value, which later changes do not touch."""
        f = self.function
        return f.define(self.kind, f"load {self.kind}, ptr {self._text}")


class _Body:
    """Code that stands at a label and then goes on at another."""

    def __init__(self, function: Function, label: str, after: str, last: bool) -> None:
        self._function = function
        self._label = label
        self._after = after
        self._last = last

    def __enter__(self) -> None:
        self._function.begin(self._label)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._function.jump(self._after)
        if self._last:
            self._function.begin(self._after)


class Loop:
    """Code that repeats until it is left."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._head = function.label()
        self._exit = function.label()

    def __enter__(self) -> Loop:
        self._function.jump(self._head)
        self._function.begin(self._head)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._function.jump(self._head)
        self._function.begin(self._exit)

    def leave_if(self, condition: Value) -> None:
        """Leaves the loop if the condition holds."""
        on = self._function.label()
        self._function.split(condition, self._exit, on)
        self._function.begin(on)

    def again_if(self, condition: Value) -> None:
        """Goes to the loop's head if the condition holds."""
        on = self._function.label()
        self._function.split(condition, self._head, on)
        self._function.begin(on)

    def leave(self) -> None:
        """Leaves the loop."""
        self._function.jump(self._exit)


class Counter:
    """A loop over 0, 1, … below a bound (or from another start, in other steps)."""

    def __init__(self, function: Function, first: Operand, bound: Operand, step: Operand) -> None:
        self._function = function
        self._index = function.var(I64, first)
        self._bound = bound
        self._step = step
        self._loop = Loop(function)

    def __enter__(self) -> Value:
        self._loop.__enter__()
        self._loop.leave_if(self._index >= self._bound)
        return self._index.get()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._function.ended:
            self._index.set(self._index + self._step)
        self._loop.__exit__(kind, error, trace)


class Function:
    """A function under construction; ``linkage`` is LLVM's, ``attributes`` as after ``)``."""

    def __init__(
        self, name: str, result: str, /, *, linkage: str = "", attributes: str = "", **params: str
    ) -> None:
        self.name = name
        self.result = result
        self._linkage = f"{linkage} " if linkage else ""
        self._attributes = attributes
        self._params = params
        self._slots: list[str] = []
        self._lines: list[str] = []
        self._count = 0
        self.ended = False

    # Operands

    def arg(self, name: str) -> Value:
        """The parameter of this name."""
        return Value(self, self._params[name], f"%{name}")

    def const(self, value: int, kind: str = I64) -> Value:
        """A number."""
        return Value(self, kind, self.operand(value, kind))

    def symbol(self, name: str) -> Value:
        """The address of a global symbol."""
        return Value(self, PTR, f"@{name}")

    def operand(self, value: Operand, kind: str) -> str:
        """The text of an operand of the type ``kind``."""
        if isinstance(value, Value):
            assert value.kind == kind, (self.name, value.kind, kind)
            return value.use()
        if kind == PTR:
            assert value == 0
            return "null"
        return str(value)

    # Instructions

    def emit(self, line: str) -> None:
        """Appends an instruction without a result."""
        if not self.ended:
            self._lines.append(f"  {line}\n")

    def define(self, kind: str, text: str) -> Value:
        """Appends an instruction with a result."""
        self._count += 1
        name = f"%v{self._count}"
        self.emit(f"{name} = {text}")
        return Value(self, kind, name)

    def var(self, kind: str, value: Operand | None = None) -> Variable:
        """A new variable."""
        self._count += 1
        slot = f"%s{self._count}"
        self._slots.append(f"  {slot} = alloca {kind}\n")
        variable = Variable(self, kind, slot)
        if value is not None:
            variable.set(value)
        return variable

    def load(self, kind: str, place: Value, offset: int = 0) -> Value:
        """What stands at an address."""
        at = place + offset if offset else place
        return self.define(kind, f"load {kind}, ptr {at.use()}")

    def store(self, value: Operand, place: Value, offset: int = 0, kind: str = I64) -> None:
        """Writes a value; ``kind`` is its type where it is a number."""
        if isinstance(value, Value):
            kind = value.kind
        at = (place + offset if offset else place).use()
        self.emit(f"store {kind} {self.operand(value, kind)}, ptr {at}")

    def increase(self, amount: Operand, place: Value, offset: int = 0) -> None:
        """Adds to the i64 at an address."""
        self.store(self.load(I64, place, offset) + amount, place, offset)

    def call(self, name: str, result: str, *values: Value) -> Value:
        """Calls a function by its symbol; the result of a void function is of no use."""
        arguments = ", ".join(f"{value.kind} {value.use()}" for value in values)
        text = f"call {result} @{name}({arguments})"
        if result == VOID:
            self.emit(text)
            return Value(self, VOID, "")
        return self.define(result, text)

    def ret(self, value: Operand | None = None) -> None:
        """Returns."""
        if value is None:
            self.emit("ret void")
        else:
            self.emit(f"ret {self.result} {self.operand(value, self.result)}")
        self.ended = True

    # Control flow

    def label(self) -> str:
        """A new label."""
        self._count += 1
        return f"b{self._count}"

    def begin(self, label: str) -> None:
        """Starts a block."""
        self._lines.append(f"{label}:\n")
        self.ended = False

    def jump(self, label: str) -> None:
        """Goes to a label, unless control does not get here."""
        self.emit(f"br label %{label}")
        self.ended = True

    def split(self, condition: Value, then: str, other: str) -> None:
        """Goes to one of two labels."""
        self.emit(f"br i1 {condition.use()}, label %{then}, label %{other}")
        self.ended = True

    def when(self, condition: Value) -> _Body:
        """Code for the case that a condition holds."""
        then, after = self.label(), self.label()
        self.split(condition, then, after)
        return _Body(self, then, after, True)

    def branch(self, condition: Value) -> tuple[_Body, _Body]:
        """Code for the case that a condition holds, and then the code for the other case."""
        then, other, after = self.label(), self.label(), self.label()
        self.split(condition, then, other)
        return _Body(self, then, after, False), _Body(self, other, after, True)

    def loop(self) -> Loop:
        """Code that repeats until it is left."""
        return Loop(self)

    def count(self, bound: Operand, first: Operand = 0, step: Operand = 1) -> Counter:
        """Code for each i64 from ``first`` below ``bound``; give a bound that stays the same."""
        return Counter(self, first, bound, step)

    def text(self) -> str:
        """The function's definition."""
        params = ", ".join(f"{kind} %{name}" for name, kind in self._params.items())
        if not self.ended:
            if self.result == VOID:
                self.ret()
            else:
                self.emit("unreachable")
        head = f"define {self._linkage}{self.result} @{self.name}({params}) {self._attributes}#0 {{"
        return "".join([head, "\n", *self._slots, *self._lines, "}\n"])
