"""Calls of exported functions with every bit kept.

A Python float is a double, and turning an f32 into one quiets its NaN. So floats cross as the
integers of their bits: a function whose type has floats is called through a module that does
nothing but reinterpret, made once for each type.
"""

from __future__ import annotations

import functools
import struct
from typing import Any

from wasmwright.api import FuncType, Global, Instance, Module
from wasmwright.errors import LinkError
from wasmwright.model import types
from wasmwright.script.values import (
    Argument,
    ExternRef,
    HostRef,
    Null,
    Number,
    Reference,
    Value,
    Vector,
)

_INTEGERS = {"f32": "i32", "f64": "i64"}
_FORMATS = {"f32": "<f", "f64": "<d"}
_SIZES = {"i32": 32, "i64": 64, "f32": 32, "f64": 64}
_FORMATS = {"f32": "<f", "f64": "<d"}


class Host:
    """An object of the host's, which a script knows by number."""

    def __init__(self, number: int) -> None:
        self.number = number


@functools.cache
def _host(number: int) -> Host:
    return Host(number)


class ScriptError(Exception):
    """A command asks for what does not exist, or does not fit."""


class Function:
    """An exported function, to be called with values and results of scripts."""

    def __init__(self, func: Any, level: int) -> None:
        self.type: FuncType = func.type
        self._func = func
        self._as_bits = False  # whether floats cross as integers
        if any(each in _INTEGERS for each in self.type.params + self.type.results):
            module = _reinterpreter(self.type, level)
            try:
                self._func = Instance(module, {"": {"": func}}).exports[""]
            except LinkError:
                # A type from a recursive group, or one that is not final: no other module has it.
                # Floats cross as Python's then, which loses only what kind of NaN an f32 is.
                return
            self._as_bits = True

    def __call__(self, arguments: tuple[Argument, ...]) -> list[Value]:
        """The results of a call. What the call raises goes through; ScriptError if it cannot be."""
        params, results = self.type.params, self.type.results
        if len(arguments) != len(params):
            raise ScriptError(f"wrong number of arguments: {len(arguments)} for {self.type}")
        given = [self._to_python(*pair) for pair in zip(arguments, params, strict=True)]
        returned = self._func(*given)
        if len(results) == 1:
            returned = (returned,)
        elif not results:
            returned = ()
        return [self._from_python(*pair) for pair in zip(returned, results, strict=True)]

    def _to_python(self, value: Argument, valtype: str) -> Any:
        if isinstance(value, Number):
            if valtype != value.kind:
                raise ScriptError(f"wrong type of argument: {value} for {valtype}")
            if valtype in _FORMATS and not self._as_bits:
                size = _SIZES[valtype] // 8
                return struct.unpack(_FORMATS[valtype], value.bits.to_bytes(size, "little"))[0]
            return value.bits
        if isinstance(value, Vector):
            return value.content
        if isinstance(value, Null):
            return None
        return _host(value.number)

    def _from_python(self, value: Any, valtype: str) -> Value:
        if valtype in _FORMATS and not self._as_bits:
            value = int.from_bytes(struct.pack(_FORMATS[valtype], value), "little")
        return _from_python(value, valtype)


def global_value(exported: Global, level: int) -> Value:
    """The value of a global."""
    valtype = types.name(exported.type.valtype)
    if valtype in _INTEGERS:
        module = _global_reader(valtype, exported.mutable, level)
        bits = Instance(module, {"": {"": exported}}).exports[""]()
        return _from_python(bits, valtype)
    return _from_python(exported.value, valtype)


def _from_python(value: Any, valtype: str) -> Value:
    if valtype in _SIZES:
        return Number(valtype, int(value) & (1 << _SIZES[valtype]) - 1)
    if valtype == "v128":
        return Vector(bytes(value))
    if value is None:
        return Null()
    if isinstance(value, Host):
        return (ExternRef if "extern" in valtype else HostRef)(value.number)
    if callable(value):
        return Reference("func")
    if isinstance(value, int):
        return Reference("i31")
    return Reference(type(value).__name__.lower())


@functools.cache
def _reinterpreter(func_type: FuncType, level: int) -> Module:
    """A module whose export calls its import with floats in place of integers."""
    params, results = func_type.params, func_type.results
    integer_params = " ".join(_INTEGERS.get(each, each) for each in params)
    integer_results = " ".join(_INTEGERS.get(each, each) for each in results)
    body = ""
    for index, name in enumerate(params):
        body += f"(local.get {index})"
        if name in _INTEGERS:
            body += f"({name}.reinterpret_{_INTEGERS[name]})"
    body += "(call 0)"
    for index in reversed(range(len(results))):
        body += f"(local.set {len(params) + index})"
    for index, name in enumerate(results):
        body += f"(local.get {len(params) + index})"
        if name in _INTEGERS:
            body += f"({_INTEGERS[name]}.reinterpret_{name})"
    return Module(
        f'(module (import "" "" (func (param {" ".join(params)}) (result {" ".join(results)})))'
        f'(func (export "") (param {integer_params}) (result {integer_results})'
        f"(local {' '.join(results)}) {body}))",
        level=level,
    )


@functools.cache
def _global_reader(valtype: str, mutable: bool, level: int) -> Module:
    """A module whose export gives the bits of the float in its imported global."""
    integer = _INTEGERS[valtype]
    globaltype = f"(mut {valtype})" if mutable else valtype
    return Module(
        f'(module (import "" "" (global {globaltype}))'
        f'(func (export "") (result {integer}) ({integer}.reinterpret_{valtype} (global.get 0))))',
        level=level,
    )
