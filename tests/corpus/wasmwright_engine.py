"""The adapter through which the corpus runner (``tools/check.py``) drives this engine.

PYTHONPATH=tests/corpus python $WASM_CORPUS/tools/check.py --engine wasmwright_engine [NAME...]
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import wasmwright as ww
from wasmwright import wasi

Imports = dict[tuple[str, str], Any]


def _by_module(imports: Imports) -> dict[str, dict[str, Any]]:
    spaces: dict[str, dict[str, Any]] = {}
    for (module, name), value in imports.items():
        spaces.setdefault(module, {})[name] = value
    return spaces


def _stubs(module: ww.Module, given: dict[str, dict[str, Any]]) -> None:
    """Adds to ``given`` a function that traps for each function import it does not have."""
    for entry in module.imports:
        space = given.setdefault(entry.module, {})
        if entry.kind == "func" and entry.name not in space:
            space[entry.name] = _trap(f"{entry.module}.{entry.name}")


def _trap(name: str) -> Callable[..., Any]:
    def stub(*_args: object) -> Any:
        raise ww.Trap("unreachable", detail=f"unknown import {name} called")

    return stub


class Engine:
    """What check.py asks of an engine."""

    name = "wasmwright"

    def compile(self, data: bytes) -> ww.Module:
        return ww.Module(data)

    def store(self) -> None:
        """Stores are implicit here."""

    def memory(self, _store: object, low: int, high: int | None = None) -> ww.Memory:
        return ww.Memory(low, high)

    def table(self, _store: object, count: int, high: int | None = None) -> ww.Table:
        return ww.Table("funcref", count, high)

    def global_(self, _store: object, kind: str, value: Any, mutable: bool = False) -> ww.Global:
        return ww.Global(kind, value, mutable)

    def run_wasi(
        self,
        module: ww.Module,
        args: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        stdin: bytes = b"",
        dirs: dict[str, str] | None = None,
        stubs: bool = False,
        start: str = "_start",
        extra: Imports | None = None,
    ) -> tuple[int, bytes, bytes]:
        instance = _Wasi(module, args, env, stdin, dirs, extra or {}, stubs)
        code, trap = 0, b""
        try:
            for name in start.split(","):
                result = instance.exports[name]()
                if isinstance(result, int):
                    code = result
        except wasi.Exit as stop:
            code = stop.code
        except (ww.Trap, ww.WasmException) as error:
            code, trap = -1, f"\nTRAP: {error}".encode()
        finally:
            instance.close()
        return code, instance.stdout.getvalue(), instance.stderr.getvalue() + trap

    def load(
        self,
        module: ww.Module,
        imports: Imports | None = None,
        wasi: dict[str, Any] | None = None,
        stubs: bool = False,
        store: object = None,
    ) -> Loaded:
        return Loaded(module, imports or {}, wasi, stubs)


class _Wasi:
    """An instance with WASI and captured output."""

    def __init__(
        self,
        module: ww.Module,
        args: tuple[str, ...],
        env: dict[str, str] | None,
        stdin: bytes,
        dirs: dict[str, str] | None,
        extra: Imports,
        stubs: bool,
    ) -> None:
        self.stdout, self.stderr = io.BytesIO(), io.BytesIO()
        self._system = wasi.Preview1(
            args=args,
            env=env or {},
            stdin=stdin or b"",
            stdout=self.stdout,
            stderr=self.stderr,
            dirs=dirs or {},
        )
        given = {name: dict(space) for name, space in self._system.imports().items()}
        for name, space in _by_module(extra).items():
            given.setdefault(name, {}).update(space)
        if stubs:
            _stubs(module, given)
        self.instance = ww.Instance(module, given)
        self.exports = self.instance.exports
        if "memory" in self.exports:
            self._system.bind(self.exports["memory"])

    def close(self) -> None:
        self._system.close()


class Loaded:
    """An instance as the jobs use it."""

    def __init__(
        self, module: ww.Module, imports: Imports, system: dict[str, Any] | None, stubs: bool
    ) -> None:
        self._wasi: _Wasi | None = None
        if system is not None:
            self._wasi = _Wasi(
                module,
                tuple(system.get("args", ())),
                system.get("env"),
                system.get("stdin", b""),
                system.get("dirs"),
                imports,
                stubs,
            )
            self.exports = self._wasi.exports
        else:
            given = _by_module(imports)
            if stubs:
                _stubs(module, given)
            self.exports = ww.Instance(module, given).exports
        self.names = list(self.exports)
        memories = [*self.exports.values(), *imports.values()]
        self._memory = next((m for m in memories if isinstance(m, ww.Memory)), None)

    def call(self, name: str, *args: Any) -> Any:
        return self.exports[name](*args)

    def export(self, name: str) -> Any:
        return self.exports[name]

    def read(self, pointer: int, size: int) -> bytes:
        assert self._memory is not None
        return self._memory.read(pointer, size)

    def write(self, pointer: int, data: bytes) -> None:
        assert self._memory is not None
        self._memory.write(pointer, data)

    def u32(self, pointer: int) -> int:
        return int.from_bytes(self.read(pointer, 4), "little")

    def size(self) -> int:
        assert self._memory is not None
        return len(self._memory)

    def glob(self, name: str) -> Any:
        return self.exports[name].value

    def out(self) -> bytes:
        assert self._wasi is not None
        return self._wasi.stdout.getvalue()
