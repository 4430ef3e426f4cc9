"""Scripts to commands (the reference interpreter's README > Scripts describes the language).

Reads a ``.wast`` source; produces a list of commands, each with its line. Modules in it stay text
until they are asked for their binary, so that one that is wrong fails its own command only.
"""

from __future__ import annotations

from dataclasses import dataclass

from librt.strings import BytesWriter

from wasmwright.isa import slot
from wasmwright.script.values import (
    Argument,
    Either,
    ExternRef,
    HostRef,
    NanPattern,
    Null,
    Number,
    Pattern,
    RefPattern,
    Vector,
    VectorPattern,
)
from wasmwright.text import module, tokens
from wasmwright.text.constants import lane
from wasmwright.text.lexer import Tokens, source_bytes, tokenize
from wasmwright.text.stream import Stream
from wasmwright.text.tokens import END, ID, INSTRUCTION, LPAR, MODULE, RPAR, STRING


@dataclass(frozen=True)
class ModuleSource:
    """A module as a script writes it.

    ``form`` is ``text``, ``binary``, ``quote``, or ``fields`` for a text without ``(module …)``;
    ``content`` the bytes of the strings of the middle two.
    """

    id: str | None
    form: str
    content: bytes
    source: Tokens
    token: int

    def binary(self, features: int) -> bytes:
        """The module's binary; raises MalformedError where the text format cannot make one."""
        if self.form == "binary":
            return self.content
        if self.form == "quote":
            return module.parse(self.content, features)
        stream = Stream(self.source, self.token)
        if self.form == "fields":
            return module.assemble_fields(stream, b"", features)
        binary = module.assemble(stream, features)
        stream.close()
        return binary


@dataclass(frozen=True)
class Command:
    """What every command has: the line that it begins at."""

    line: int


@dataclass(frozen=True)
class Definition(Command):
    """``(module …)``, which is also an instance, or ``(module definition …)``, which is not."""

    module: ModuleSource
    instantiate: bool


@dataclass(frozen=True)
class Instantiation(Command):
    """``(module instance $id $module)``; None is the last module, or no name."""

    id: str | None
    module: str | None


@dataclass(frozen=True)
class Register(Command):
    """``(register "name" $instance)``."""

    name: str
    instance: str | None


@dataclass(frozen=True)
class Invoke(Command):
    """``(invoke $instance "name" arguments)``."""

    instance: str | None
    name: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class Get(Command):
    """``(get $instance "name")``."""

    instance: str | None
    name: str


Action = Invoke | Get


@dataclass(frozen=True)
class AssertReturn(Command):
    """The action gives these results."""

    action: Action
    results: tuple[Pattern, ...]


@dataclass(frozen=True)
class AssertAction(Command):
    """The action ends in a ``trap``, in ``exhaustion`` or in an ``exception``."""

    outcome: str
    action: Action
    message: str


@dataclass(frozen=True)
class AssertModule(Command):
    """The module fails: it is ``malformed``, ``invalid``, ``unlinkable``, its instantiation is a
    ``trap``, or it is ``malformed_custom`` or ``invalid_custom``.
    """

    outcome: str
    module: ModuleSource | Instantiation
    message: str


def kind_of(command: Command) -> str:
    """What a report calls the command: the script's own word."""
    if isinstance(command, (AssertAction, AssertModule)):
        return f"assert_{command.outcome}"
    names = {Definition: "module", Instantiation: "module", AssertReturn: "assert_return"}
    return names.get(type(command), type(command).__name__.lower())


def parse_script(source: str | bytes) -> list[Command]:
    """The commands of a script. Raises TextError where it is not one."""
    data = source_bytes(source)
    parser = _Parser(tokenize(data, 0, len(data)), data)
    return parser.script()


_MODULE_OUTCOMES = ("malformed", "invalid", "malformed_custom", "invalid_custom", "unlinkable")
_ACTION_OUTCOMES = ("trap", "exhaustion", "exception")
_NUMBERS = {INSTRUCTION + slot(f"{kind}.const"): kind for kind in ("i32", "i64", "f32", "f64")}
_SHAPES = {
    "i32": tokens.I32X4,
    "i64": tokens.I64X2,
    "f32": tokens.F32X4,
    "f64": tokens.F64X2,
}
_NANS = {tokens.NAN_CANONICAL: "canonical", tokens.NAN_ARITHMETIC: "arithmetic"}
_LANES = {
    tokens.I8X16: ("i8", 16),
    tokens.I16X8: ("i16", 8),
    tokens.I32X4: ("i32", 4),
    tokens.I64X2: ("i64", 2),
    tokens.F32X4: ("f32", 4),
    tokens.F64X2: ("f64", 2),
}


class _Parser:
    """The commands of one source, whose lines it counts as it goes."""

    def __init__(self, source: Tokens, data: bytes) -> None:
        self.source = source
        self.data = data
        self.stream = Stream(source)
        self._counted = 0
        self._line = 1

    def script(self) -> list[Command]:
        commands: list[Command] = []
        stream = self.stream
        if stream.kind() == LPAR and not self._at_command():
            fields = ModuleSource(None, "fields", b"", self.source, 0)
            return [Definition(1, fields, True)]
        while stream.kind() != END:
            commands.append(self.command())
        return commands

    def _at_command(self) -> bool:
        word = self.stream.text(self.stream.pos + 1)
        return word in (b"module", b"register", b"invoke", b"get") or word.startswith(b"assert_")

    def line(self) -> int:
        """The line of the next token."""
        offset = self.source.starts[self.stream.pos]
        self._line += self.data.count(b"\n", self._counted, offset)
        self._counted = offset
        return self._line

    def word(self) -> str:
        """The next token, a parenthesis, and the word after it."""
        self.stream.expect(LPAR, "a command")
        word = self.stream.text(self.stream.pos).decode()
        self.stream.pos += 1
        return word

    def command(self) -> Command:
        stream = self.stream
        line = self.line()
        start = stream.pos
        word = self.word()
        command: Command
        if word == "module":
            found, defines = self.module_or_instance(line)
            if isinstance(found, Instantiation):
                return found
            return Definition(line, found, not defines)
        if word == "register":
            command = Register(line, stream.name().decode(), self.id())
        elif word in ("invoke", "get"):
            stream.pos = start
            return self.action()
        elif word == "assert_return":
            command = AssertReturn(line, self.action(), self.patterns())
        elif word.startswith("assert_"):
            command = self.assertion(line, word.removeprefix("assert_"))
        else:
            raise stream.unexpected_at(start + 1, "a command")
        stream.close()
        return command

    def assertion(self, line: int, outcome: str) -> Command:
        stream = self.stream
        is_module = stream.at_list(MODULE)
        if is_module and outcome in (*_MODULE_OUTCOMES, "trap"):
            stream.pos += 2
            found, _ = self.module_or_instance(line)
            return AssertModule(line, outcome, found, self.message())
        if outcome not in _ACTION_OUTCOMES:
            raise stream.unexpected("an assertion")
        action = self.action()
        return AssertAction(line, outcome, action, self.message())

    def message(self) -> str:
        return self.stream.name().decode() if self.stream.kind() == STRING else ""

    def id(self) -> str | None:
        return self.stream.take_identifier().decode() or None

    def module_or_instance(self, line: int) -> tuple[ModuleSource | Instantiation, bool]:
        """A module from behind its keyword on, and whether it is a definition only."""
        stream = self.stream
        start = stream.pos - 2
        if stream.text(stream.pos) == b"instance":
            stream.pos += 1
            first, second = self.id(), self.id()
            stream.close()
            return Instantiation(line, first if second else None, second or first), False
        defines = stream.text(stream.pos) == b"definition"
        stream.pos += defines
        token = stream.pos
        id = self.id()
        form, content = "text", b""
        if stream.kind() in (tokens.BINARY, tokens.QUOTE):
            form = "binary" if stream.kind() == tokens.BINARY else "quote"
            stream.pos += 1
            content = stream.strings()
            stream.close()
        else:
            stream.pos = stream.list_end(start)
        return ModuleSource(id, form, content, self.source, token), defines

    def action(self) -> Action:
        stream = self.stream
        line = self.line()
        word = self.word()
        if word not in ("invoke", "get"):
            raise stream.unexpected_at(stream.pos - 1, "invoke or get")
        instance = self.id()
        name = stream.name().decode()
        if word == "get":
            stream.close()
            return Get(line, instance, name)
        arguments: list[Argument] = []
        while stream.kind() == LPAR:
            start = stream.pos
            found = self.pattern()
            if not isinstance(found, (Number, Vector, Null, ExternRef, HostRef)):
                raise stream.unexpected_at(start + 1, "an argument")
            arguments.append(found)
        stream.close()
        return Invoke(line, instance, name, tuple(arguments))

    def patterns(self) -> tuple[Pattern, ...]:
        found: list[Pattern] = []
        while self.stream.kind() == LPAR:
            found.append(self.pattern())
        return tuple(found)

    def pattern(self) -> Pattern:
        """A result, or an argument where it is one of their kinds."""
        stream = self.stream
        stream.expect(LPAR, "a result")
        kind = stream.kind()
        word = stream.text(stream.pos).decode()
        stream.pos += 1
        found: Pattern
        if kind in _NUMBERS:
            found = self.number(_NUMBERS[kind], _SHAPES[_NUMBERS[kind]])
        elif word == "v128.const":
            found = self.vector()
        elif word == "either":
            found = Either(self.patterns())
        elif word == "ref.null":
            if stream.kind() != RPAR:
                stream.pos += 1  # which null it is cannot be told from the value
            found = Null()
        elif word in ("ref.extern", "ref.host") and stream.kind() != RPAR:
            number = stream.u32("a number")
            found = ExternRef(number) if word == "ref.extern" else HostRef(number)
        elif word == "ref" or word.startswith("ref."):
            found = RefPattern(word.removeprefix("ref").removeprefix(".") or "any")
            if stream.kind() == ID or stream.kind() == tokens.NAT:
                stream.pos += 1
        else:
            raise stream.unexpected_at(stream.pos - 1, "a value")
        stream.close()
        return found

    def number(self, kind: str, shape: int) -> Number | NanPattern:
        stream = self.stream
        nan = _NANS.get(stream.kind())
        if nan is not None:
            stream.pos += 1
            return NanPattern(kind, nan)
        out = BytesWriter()
        lane(stream, out, shape)
        return Number(kind, int.from_bytes(out.getvalue(), "little"))

    def vector(self) -> Vector | VectorPattern:
        stream = self.stream
        shape = stream.kind()
        if shape not in _LANES:
            raise stream.unexpected("a vector's shape")
        stream.pos += 1
        kind, count = _LANES[shape]
        lanes: list[Number | NanPattern] = []
        while stream.kind() != RPAR:
            lanes.append(self.number(kind, shape))
        if len(lanes) != count:
            raise stream.error(f"wrong number of lane literals: found {len(lanes)}")
        size = 16 // count
        exact = b""
        for each in lanes:
            if isinstance(each, NanPattern):
                return VectorPattern(tuple(lanes))
            exact += each.bits.to_bytes(size, "little")
        return Vector(exact)
