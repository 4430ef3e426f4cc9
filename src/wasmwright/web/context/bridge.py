"""What JavaScript asks of the native engine, and what it is answered.

``webassembly.js`` calls :meth:`Bridge.host` with the name of an operation; the answer is JSON. Objects
of the engine are known to JavaScript by handles, objects of JavaScript to Python by numbers.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from typing import Any, Final

from wasmwright.api.host import Func
from wasmwright.api.instance import Instance
from wasmwright.api.module import Module, validate
from wasmwright.api.types import FuncType, GlobalType, TableType, TagType, from_object
from wasmwright.errors import (
    CompileError,
    ExhaustionError,
    LinkError,
    Trap,
    WasmException,
)
from wasmwright.model import types
from wasmwright.runtime.globals import Global
from wasmwright.runtime.memory import Memory
from wasmwright.runtime.table import Table
from wasmwright.runtime.tag import Tag
from wasmwright.web.context.engine import Engine
from wasmwright.web.context.spidermonkey import SpiderMonkey
from wasmwright.web.context.values import (
    UNDEFINED,
    JavaScriptError,
    JavaScriptFunction,
    JavaScriptObject,
)

_MOST_EXACT: Final = 1 << 53  # integers up to here are numbers of JavaScript
_MOST_RAISED: Final = 256  # exceptions that errors in JavaScript still stand for
_MOST_PAGES: Final = 32768  # of a memory whose buffer JavaScript sees

# The kinds of errors in JavaScript, by what is raised here; the first that fits.
_KINDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (CompileError, "CompileError"),
    (LinkError, "LinkError"),
    (ExhaustionError, "RangeError"),
    (Trap, "RuntimeError"),
    (MemoryError, "RangeError"),
    (IndexError, "RangeError"),
    (NotImplementedError, "RuntimeError"),
    (TypeError, "TypeError"),
    (OverflowError, "TypeError"),
    (ValueError, "TypeError"),
)


class Bridge:
    """The engine's objects and Python's, as one JavaScript context knows them."""

    def __init__(self, engine: Engine | SpiderMonkey) -> None:
        self._engine = engine
        self._calls: Any = None
        self._objects: dict[int, Any] = {}  # handle -> object
        self._handles: dict[Any, int] = {}
        self._pythons: dict[int, Any] = {}
        self._python_numbers: dict[int, int] = {}  # id -> number; `_pythons` keeps the object
        self._raised: dict[int, BaseException] = {}  # the last few, by number
        self._count = 0
        self._thread = threading.get_ident()
        self._known: dict[int, JavaScriptObject] = {}
        self._buffers: dict[int, tuple[Any, int]] = {}  # handle -> (buffer, length)
        self._operations: dict[str, Callable[..., Any]] = {
            "call": self._call,
            "custom": lambda handle, name: [
                list(each) for each in self._get(handle, Module).custom_sections(name)
            ],
            "exception": self._exception,
            "exception.arg": lambda handle, at: self._get(handle, WasmException).payload[int(at)],
            "exception.is": lambda handle, tag: (
                self._get(handle, WasmException).tag is self._objects[tag]
            ),
            "global": lambda valtype, value, mutable: self._handle(
                Global(valtype, self._value(value), bool(mutable))
            ),
            "global.get": lambda handle: _number(self._get(handle, Global)),
            "global.set": self._set_global,
            "instance": self._instance,
            "memory": self._memory,
            "memory.grow": lambda handle, delta: self._get(handle, Memory).grow(int(delta)),
            "memory.stale": self._is_stale,
            "module": self._module,
            "python": self._python,
            "table": self._table,
            "table.get": lambda handle, at: self._get(handle, Table)[int(at)],
            "table.grow": lambda handle, delta, value: self._get(handle, Table).grow(
                int(delta), self._value(value)
            ),
            "table.length": lambda handle: len(self._get(handle, Table)),
            "table.set": self._set_table,
            "tag": lambda names: self._handle(Tag(*json.loads(names))),
            "validate": lambda buffer, offset, length: validate(
                self._engine.read(buffer, int(offset), int(length))
            ),
        }

    def connect(self, calls: dict[str, Any]) -> None:
        """Takes the functions of ``webassembly.js`` that are called from here."""
        self._calls = calls

    # From JavaScript

    def host(self, operation: str, *given: Any) -> str:
        """One operation: its outcome in JSON. Never raises: the caller could not go on."""
        if operation == "memory.buffer":
            return self._share(*given)
        try:
            return json.dumps({"value": self.encode(self._operations[operation](*given))})
        except JavaScriptError as error:
            return json.dumps({"error": "thrown", "value": error.encoded})
        except WasmException as error:
            return json.dumps({"error": "thrown", "value": self.encode(error)})
        except BaseException as error:
            return json.dumps(self._refusal(error))

    def _refusal(self, error: BaseException) -> dict[str, Any]:
        self._count += 1
        self._raised[self._count] = error
        self._raised.pop(self._count - _MOST_RAISED, None)
        return {**self._refusal_of(error), "python": self._count}

    def _refusal_of(self, error: BaseException) -> dict[str, str]:
        kind = next((name for each, name in _KINDS if isinstance(error, each)), "Error")
        message = error.kind if isinstance(error, Trap) else str(error)
        if kind == "Error":
            message = f"{type(error).__name__}: {message}"
        return {"error": kind, "message": message}

    def from_text(self, text: str) -> BaseException:
        """The exception for what a script threw, by its text: Python's own if it was the last."""
        first, _, stack = text.partition("\n")
        last = self._raised.get(self._count)
        if last is not None:
            refusal = self._refusal_of(last)
            if text.startswith(f"{refusal['error']}: {refusal['message']}"):
                return last
        name, colon, message = first.partition(": ")
        if not colon:
            name, message = "", first
        return JavaScriptError(name, message, stack, None, None)

    def check_thread(self) -> None:
        """Raises RuntimeError in a thread other than the one that made the context."""
        if threading.get_ident() != self._thread:
            raise RuntimeError("a JavaScript context is used from the thread that made it")

    def _get(self, handle: int, wanted: type[Any]) -> Any:
        found = self._objects[handle]
        assert isinstance(found, wanted)
        return found

    def _module(self, buffer: Any, offset: float, length: float) -> Any:
        module = Module(self._engine.read(buffer, int(offset), int(length)))
        return _Plain({"handle": self._handle(module), **_interface(module)})

    def _instance(self, handle: int, imports: str) -> Any:
        module = self._get(handle, Module)
        given: dict[str, dict[str, Any]] = {}
        for entry, item in zip(module.imports, json.loads(imports), strict=True):
            value = self.decode(item)
            if isinstance(value, JavaScriptFunction):
                value = self._imported(value.number, entry.type)
            elif entry.kind == "func" and not isinstance(value, Func):
                value = Func(entry.type, value)  # a callable of Python
            elif entry.kind == "global" and not isinstance(value, Global):
                value = Global(entry.type.valtype, value)
            given.setdefault(entry.module, {})[entry.name] = value
        exports = Instance(module, given).exports
        return [[name, value] for name, value in exports.items()]

    def _imported(self, number: int, func_type: FuncType) -> Func:
        """A function of JavaScript as one of WebAssembly."""
        results = json.dumps(func_type.results)

        def call(*args: Any) -> Any:
            self.check_thread()
            values = self._encode_all(args, func_type.params)
            items = self._outcome(self._calls["imported"](number, values, results))
            found = [self.decode(item) for item in items]
            return None if not found else found[0] if len(found) == 1 else tuple(found)

        return Func(func_type, call)

    def _encode_all(self, values: Any, valtypes: tuple[str, ...]) -> str:
        typed = [
            ["b", str(value)] if valtype == "i64" else self.encode(value)
            for value, valtype in zip(values, valtypes, strict=True)
        ]
        return json.dumps(typed)

    def _call(self, handle: int, args: str) -> Any:
        func = self._get(handle, Func)
        result = func(*map(self.decode, json.loads(args)))
        results = func.type.results
        values = () if not results else (result,) if len(results) == 1 else result
        return [_typed(value, valtype) for value, valtype in zip(values, results, strict=True)]

    def _memory(self, least: float, most: float | None) -> int:
        return self._handle(Memory(int(least), None if most is None else int(most)))

    def _is_stale(self, handle: int) -> bool:
        """Whether the buffer of a memory is missing, or shorter than the memory."""
        known = self._buffers.get(handle)
        return known is None or known[1] != len(self._get(handle, Memory))

    def _share(self, handle: int, holder: Any) -> str:
        """Gives JavaScript a buffer on a memory; a buffer from before is detached."""
        memory = self._get(handle, Memory)
        try:
            if memory.pages > _MOST_PAGES:
                raise NotImplementedError("the memory is too large for a buffer")
            before = self._buffers.pop(handle, None)
            if before is not None:
                self._engine.detach(before[0])
            # The memory never moves, and `_objects` holds it for as long as the context.
            self._engine.share(holder, memory.base, len(memory))
            self._buffers[handle] = (self._calls["buffer"](holder), len(memory))
        except NotImplementedError as error:
            return str(error)
        return "true"

    def _table(self, element: str, least: float, most: float | None, value: str) -> int:
        table = Table(element, int(least), None if most is None else int(most))
        initial = self._value(value)
        if initial is not None:
            for index in range(len(table)):
                table[index] = initial
        return self._handle(table)

    def _set_table(self, handle: int, index: float, value: str) -> None:
        self._get(handle, Table)[int(index)] = self._value(value)

    def _set_global(self, handle: int, value: str) -> None:
        self._get(handle, Global).value = self._value(value)

    def _exception(self, tag: int, payload: str) -> int:
        values = map(self.decode, json.loads(payload))
        return self._handle(WasmException(self._get(tag, Tag), *values))

    def _python(self, number: int, args: str) -> Any:
        """A callable of Python, called by JavaScript."""
        result = self._pythons[number](*map(self.decode, json.loads(args)))
        return UNDEFINED if result is None else result

    # To JavaScript

    def evaluate(self, source: str) -> Any:
        """The value of source."""
        self.check_thread()
        return self.decode(self._outcome(self._calls["evaluate"](source)))

    def set(self, name: str, value: Any) -> None:
        """Sets a global variable."""
        self.check_thread()
        self._outcome(self._calls["set"](name, json.dumps(self.encode(value))))

    def call(self, number: int, args: tuple[Any, ...]) -> Any:
        """Calls a function of JavaScript."""
        self.check_thread()
        text = json.dumps([self.encode(each) for each in args])
        return self.decode(self._outcome(self._calls["call"](number, text)))

    def settle(self, value: Any) -> Any:
        """What a promise comes to, once all that is put off has run; other values as they are."""
        if not isinstance(value, JavaScriptObject) or not self._calls["isPromise"](value.number):
            return value
        self._calls["watch"](value.number)
        self._engine.run_jobs()
        outcome = self._calls["settled"](value.number)
        return value if outcome == "" else self.decode(self._outcome(outcome))

    def text(self, number: int) -> str:
        """What an object of JavaScript says that it is."""
        return str(self._calls["text"](number))

    def _outcome(self, text: str) -> Any:
        """What JavaScript gave; an exception of Python comes out as itself."""
        outcome = json.loads(text)
        if "thrown" not in outcome:
            return outcome.get("value", ["u"])
        if outcome.get("python") in self._raised:
            raise self._raised[outcome["python"]]
        value = self.decode(outcome["thrown"])
        if isinstance(value, WasmException):
            raise value
        raise JavaScriptError(
            outcome["name"], outcome["message"], outcome["stack"], value, outcome["thrown"]
        )

    # Values

    def _value(self, text: str) -> Any:
        return self.decode(json.loads(text))

    def decode(self, item: Any) -> Any:
        """The Python value of one in JSON."""
        if not isinstance(item, list):
            return item
        tag = item[0]
        if tag == "u":
            return None if self._calls is None else UNDEFINED
        if tag == "n":
            return float(item[1].replace("Infinity", "inf"))
        if tag == "b":
            return int(item[1])
        if tag == "h":
            return self._objects[item[1]]
        if tag == "p":
            return self._pythons[item[1]]
        if tag == "l":
            return [self.decode(each) for each in item[1]]
        if tag == "d":
            return {key: self.decode(each) for key, each in item[1]}
        number = item[1]
        if number not in self._known:
            kind = JavaScriptFunction if tag == "f" else JavaScriptObject
            self._known[number] = kind(self, number)
        return self._known[number]

    def encode(self, value: Any) -> Any:
        """A Python value for JSON."""
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, _Plain):
            return ["d", [[key, _raw(each)] for key, each in value.content.items()]]
        if value is UNDEFINED:
            return ["u"]
        if isinstance(value, int):
            return value if -_MOST_EXACT <= value <= _MOST_EXACT else ["b", str(value)]
        if isinstance(value, _BigInt):
            return ["b", str(value.value)]
        if isinstance(value, float):
            if math.isfinite(value) and not (value == 0 and math.copysign(1, value) < 0):
                return value
            return ["n", "NaN" if value != value else "-0" if value == 0 else _infinity(value)]
        if isinstance(value, list | tuple):
            return ["l", [self.encode(each) for each in value]]
        if isinstance(value, dict):
            return ["d", [[str(key), self.encode(each)] for key, each in value.items()]]
        if isinstance(value, JavaScriptObject) and value.bridge is self:
            return ["f" if isinstance(value, JavaScriptFunction) else "o", value.number]
        described = _described(value)
        if described is not None:
            return ["h", self._handle(value), *described]
        number = self._python_numbers.get(id(value))
        if number is None:
            number = len(self._pythons) + 1
            self._pythons[number] = value
            self._python_numbers[id(value)] = number
        return ["p", number, callable(value)]

    def _handle(self, value: Any) -> int:
        """The handle of an object of the engine."""
        handle = self._handles.get(value)
        if handle is None:
            handle = len(self._objects) + 1
            self._objects[handle] = value
            self._handles[value] = handle
        return handle


class _Plain:
    """Data for JavaScript that has nothing to encode."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content


class _BigInt:
    """An i64, which is a BigInt however small it is."""

    def __init__(self, value: int) -> None:
        self.value = value


def _raw(value: Any) -> Any:
    """Plain data in the encoding of `decode` in webassembly.js."""
    if isinstance(value, list | tuple):
        return ["l", [_raw(each) for each in value]]
    if isinstance(value, dict):
        return ["d", [[key, _raw(each)] for key, each in value.items()]]
    return value


def _infinity(value: float) -> str:
    return "Infinity" if value > 0 else "-Infinity"


def _typed(value: Any, valtype: str) -> Any:
    return _BigInt(value) if valtype == "i64" else value


def _number(global_: Global) -> Any:
    return _typed(global_.value, types.name(global_.type.valtype))


def _interface(module: Module) -> dict[str, Any]:
    """A module's imports and exports, with the types of globals."""
    return {
        "imports": [
            {
                "module": each.module,
                "name": each.name,
                "kind": each.kind,
                "type": each.type.valtype if isinstance(each.type, GlobalType) else "",
            }
            for each in module.imports
        ],
        "exports": [{"name": each.name, "kind": each.kind} for each in module.exports],
    }


def _described(value: Any) -> list[Any] | None:
    """The kind of an object of the engine, and what JavaScript must know of it; else None."""
    if isinstance(value, Func):
        sides = value.type
        more = {"name": value.name, "params": sides.params, "results": sides.results}
        return ["func", more]
    if isinstance(value, Memory):
        return ["memory", {}]
    if isinstance(value, Table):
        found = from_object(value.type)
        assert isinstance(found, TableType)
        return ["table", {"type": found.element}]
    if isinstance(value, Global):
        kind = from_object(value.type)
        assert isinstance(kind, GlobalType)
        return ["global", {"type": kind.valtype, "mutable": kind.mutable}]
    if isinstance(value, Tag):
        params = TagType(tuple(map(types.name, value.type.params))).params
        return ["tag", {"types": params}]
    if isinstance(value, Module):
        return ["module", _interface(value)]
    if isinstance(value, WasmException):
        return ["exception", {}]
    return None
