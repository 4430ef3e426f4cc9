"""Modules, and their serialised form.

What `Module.serialize` gives is the module's own bytes behind a head that says so: compiled code
is kept by this engine's cache, which does not trust what comes from elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from wasmwright.api import Module as ApiModule
from wasmwright.compat.wasmtime.config import Engine
from wasmwright.compat.wasmtime.errors import Closeable, WasmtimeError
from wasmwright.compat.wasmtime.types import ExportType, ImportType, from_api
from wasmwright.errors import CompileError
from wasmwright.runtime.compile_clock import Preparing
from wasmwright.text import parse

_HEAD: Final = b"wasmwright module 1\n"


def wat2wasm(wat: str | bytes) -> bytearray:
    """The binary of a module in the text format; WasmtimeError where it is wrong."""
    try:
        return bytearray(parse(wat))
    except CompileError as error:
        raise WasmtimeError(str(error)) from error


def _binary(wasm: str | bytes | bytearray) -> bytes:
    """The binary of a module that is given as text or binary; the latter begins with a NUL."""
    if isinstance(wasm, str):
        return bytes(wat2wasm(wasm))
    if not isinstance(wasm, (bytes, bytearray)):
        raise TypeError("expected wasm bytes")
    return bytes(wat2wasm(bytes(wasm)) if wasm[:1] not in (b"", b"\0") else wasm)


class Module(Closeable):
    """A validated module. Functions are compiled when they are first called."""

    def __init__(self, engine: Engine, wasm: str | bytes | bytearray) -> None:
        if not isinstance(engine, Engine):
            raise TypeError("expected an Engine")
        try:
            with Preparing():
                self.native = ApiModule(
                    _binary(wasm),
                    features=engine.features,
                    fuel=engine.fuel,
                    deterministic=engine.deterministic,
                )
        except CompileError as error:
            raise WasmtimeError(f"failed to parse WebAssembly module: {error}") from error

    @classmethod
    def from_file(cls, engine: Engine, path: str | bytes | os.PathLike[str]) -> Module:
        """The module in a file, in the binary or the text format."""
        return cls(engine, Path(os.fsdecode(path)).read_bytes())

    @classmethod
    def deserialize(cls, engine: Engine, encoded: bytes | bytearray) -> Module:
        """A module from what `serialize` gave; WasmtimeError for anything else."""
        if not isinstance(encoded, (bytes, bytearray)):
            raise TypeError("expected bytes")
        if not encoded.startswith(_HEAD):
            raise WasmtimeError("failed to parse precompiled artifact: wasmwright did not make it")
        return cls(engine, encoded[len(_HEAD) :])

    @classmethod
    def deserialize_file(cls, engine: Engine, path: str | os.PathLike[str]) -> Module:
        """A module from a file of what `serialize` gave."""
        try:
            return cls.deserialize(engine, Path(path).read_bytes())
        except OSError as error:
            raise WasmtimeError(f"failed to open file for mmap: {error}") from error

    @classmethod
    def validate(cls, engine: Engine, wasm: bytes | bytearray) -> None:
        """WasmtimeError if these bytes are no valid module."""
        if not isinstance(wasm, (bytes, bytearray)):
            raise TypeError("expected wasm bytes")
        try:
            ApiModule(bytes(wasm), features=engine.features)
        except CompileError as error:
            raise WasmtimeError(str(error)) from error

    @property
    def imports(self) -> list[ImportType]:
        """What the module imports, in order."""
        return [
            ImportType(each.module, each.name, from_api(each.type)) for each in self.native.imports
        ]

    @property
    def exports(self) -> list[ExportType]:
        """What the module exports, in order."""
        return [ExportType(each.name, from_api(each.type)) for each in self.native.exports]

    def serialize(self) -> bytearray:
        """The module as bytes for `deserialize`."""
        return bytearray(_HEAD + self.native.model.data)
