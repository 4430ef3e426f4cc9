"""Runs scripts on the engine, command by command.

Reads the commands of :mod:`wasmwright.script.syntax`; produces a :class:`Report`. A command that
fails is noted and the script goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wasmwright.api import Global, Instance, Module
from wasmwright.codegen.options import AUTO, DEFAULT_TIER
from wasmwright.errors import (
    CompileError,
    ExhaustionError,
    InvalidError,
    LinkError,
    MalformedError,
    Trap,
    WasmError,
    WasmException,
)
from wasmwright.features import DEFAULT
from wasmwright.script import spectest
from wasmwright.script.calls import Function, ScriptError, global_value
from wasmwright.script.syntax import (
    Action,
    AssertAction,
    AssertModule,
    AssertReturn,
    Command,
    Definition,
    Get,
    Instantiation,
    Invoke,
    ModuleSource,
    Register,
    kind_of,
    parse_script,
)
from wasmwright.script.values import Value, matches, show

# What each assertion on a module or an action wants to be raised.
_MODULE_ERRORS: dict[str, type[WasmError]] = {
    "malformed": MalformedError,
    "invalid": InvalidError,
    "malformed_custom": MalformedError,
    "invalid_custom": CompileError,
    "unlinkable": LinkError,
    "trap": Trap,
}
_ACTION_ERRORS: dict[str, type[WasmError]] = {
    "trap": Trap,
    "exhaustion": ExhaustionError,
    "exception": WasmException,
}

# Where our message differs from the reference interpreter's on purpose: what begins ours.
_OUR_MESSAGES = {
    # Compiled code tells the kind of a trap, not the operands of the instruction.
    "uninitialized element 2": "uninitialized element",
}

# The functions of a script run once or twice: what matters is how long LLVM takes.
LEVEL = 0


@dataclass(frozen=True)
class Failure:
    """A command that failed: its line, what it is, and what went wrong."""

    line: int
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.line}: {self.kind}: {self.message}"


@dataclass
class Report:
    """How a script went: how many commands of each kind passed and failed, and the failures."""

    passed: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def __str__(self) -> str:
        lines = [f"{self.passed.total()} passed, {self.failed.total()} failed"]
        return "\n".join([*lines, *map(str, self.failures)])


def run_script(
    source: str | bytes,
    *,
    features: int = DEFAULT,
    guard: bool = True,
    level: int = LEVEL,
    tier: str = DEFAULT_TIER,
) -> Report:
    """Run a script; ``guard`` says whether memories have guard pages or explicit checks.

    ``features`` are the proposals that its modules may use, ``level`` is LLVM's optimisation
    level, ``tier`` who compiles. Raises TextError where the source is no script.
    """
    report = Report()
    runner = _Runner(features, guard, level, tier)
    for command in parse_script(source):
        kind = kind_of(command)
        try:
            runner.run(command)
        except Exception as error:
            report.failed[kind] += 1
            report.failures.append(Failure(command.line, kind, describe(error)))
        else:
            report.passed[kind] += 1
    return report


def describe(error: Exception) -> str:
    """An error in one line."""
    text = str(error).partition("\n  wasm backtrace")[0].replace("\n", " ")
    if isinstance(error, (ScriptError, WasmError)):
        return f"{type(error).__name__}: {text}" if isinstance(error, WasmError) else text
    return f"internal error: {type(error).__name__}: {text}"


class _Instance:
    """An instance with its functions; the first one that is called has the module compiled."""

    def __init__(self, instance: Instance, tier: str) -> None:
        self._tier = tier
        self.exports: Mapping[str, Any] = instance.exports
        self._module: Module | None = instance.module
        self._functions: dict[str, Function] = {}

    def export(self, name: str) -> Any:
        """What is exported by a name; ScriptError where nothing is."""
        if name not in self.exports:
            raise ScriptError(f"there is no export {name!r}")
        return self.exports[name]

    def function(self, name: str, level: int) -> Function:
        """An exported function."""
        found = self._functions.get(name)
        if found is None:
            func = self.export(name)
            if not callable(func):
                raise ScriptError(f"export {name!r} is not a function")
            self._compile()
            found = self._functions[name] = Function(func, level)
        return found

    def _compile(self) -> None:
        # In one go, which is cheaper than function by function.
        module, self._module = self._module, None
        if module is not None and self._tier != AUTO:
            module.compile()


class _Runner:
    """The modules, instances and registered names of a script."""

    def __init__(self, features: int, guard: bool, level: int, tier: str) -> None:
        self.features = features
        self.guard = guard
        self.level = level
        self.tier = tier
        # By identifier, with None for the last; a value of None is one that failed.
        self.modules: dict[str | None, Module | None] = {}
        self.instances: dict[str | None, _Instance | None] = {}
        self.registry: dict[str, Mapping[str, Any]] = {
            "spectest": spectest.instantiate(guard, level).exports
        }

    def run(self, command: Command) -> None:
        """Run one command; raises what is wrong."""
        if isinstance(command, Definition):
            self.define(command)
        elif isinstance(command, Instantiation):
            self.bind_instance(command.id, None)
            self.bind_instance(command.id, self.instantiate(self.module(command.module)))
        elif isinstance(command, Register):
            self.registry[command.name] = self.instance(command.instance).exports
        elif isinstance(command, (Invoke, Get)):
            self.act(command)
        elif isinstance(command, AssertReturn):
            results = self.act(command.action)
            if len(results) != len(command.results) or not all(
                matches(*pair) for pair in zip(results, command.results, strict=True)
            ):
                raise ScriptError(f"got {show(results)}, expected {show(command.results)}")
        elif isinstance(command, AssertAction):
            self.expect(_ACTION_ERRORS[command.outcome], command.message, command)
        else:
            assert isinstance(command, AssertModule)
            self.expect(_MODULE_ERRORS[command.outcome], command.message, command)

    def expect(self, error: type[WasmError], message: str, command: Command) -> None:
        """That the command's subject raises this error with a message that begins like this."""
        try:
            if isinstance(command, AssertAction):
                results = self.act(command.action)
                outcome = f"it returned {show(results)}"
            else:
                assert isinstance(command, AssertModule)
                outcome = self.attempt(command)
        except error as raised:
            if not str(raised).startswith(_OUR_MESSAGES.get(message, message)):
                raise ScriptError(f"expected {message!r}, got: {describe(raised)}") from None
        else:
            raise ScriptError(f"expected {message!r}, but {outcome}")

    def attempt(self, command: AssertModule) -> str:
        """Do with a module what an assertion says will fail; what happened where it does not."""
        if isinstance(command.module, Instantiation):
            self.instantiate(self.module(command.module.module))
            return "it was instantiated"
        module = self.build(command.module)
        if command.outcome in ("unlinkable", "trap"):
            self.instantiate(module)
            return "it was instantiated"
        return "it is a valid module"

    def define(self, command: Definition) -> None:
        id = command.module.id
        names = {id, None}
        for name in names:
            self.modules[name] = None
        if command.instantiate:
            self.bind_instance(id, None)
        module = self.build(command.module)
        for name in names:
            self.modules[name] = module
        if command.instantiate:
            self.bind_instance(id, self.instantiate(module))

    def build(self, source: ModuleSource) -> Module:
        binary = source.binary(self.features)
        return Module(
            binary, features=self.features, guard=self.guard, level=self.level, tier=self.tier
        )

    def instantiate(self, module: Module) -> _Instance:
        return _Instance(Instance(module, self.registry), self.tier)

    def bind_instance(self, id: str | None, instance: _Instance | None) -> None:
        self.instances[id] = self.instances[None] = instance

    def module(self, id: str | None) -> Module:
        found = self.modules.get(id)
        if found is None:
            raise ScriptError(f"there is no module {id or ''}".rstrip())
        return found

    def instance(self, id: str | None) -> _Instance:
        found = self.instances.get(id)
        if found is None:
            raise ScriptError(f"there is no instance {id or ''}".rstrip())
        return found

    def act(self, action: Action) -> list[Value]:
        """The results of an action."""
        instance = self.instance(action.instance)
        if isinstance(action, Invoke):
            return instance.function(action.name, self.level)(action.arguments)
        exported = instance.export(action.name)
        if not isinstance(exported, Global):
            raise ScriptError(f"export {action.name!r} is not a global")
        return [global_value(exported, self.level)]
