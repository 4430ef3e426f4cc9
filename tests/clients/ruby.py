"""Ruby as `@ruby/*-wasm-wasi` ships it: a WASI reactor with functions named by their WIT types.

Strings are a pointer and a length in memory that `cabi_realloc` gives; a Ruby value is a handle
into a table of the host's. There is no JavaScript here: what Ruby asks of it is refused.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import wasmwright as ww
from wasmwright import wasi
from wasmwright.wasi.preview1 import Preview1

JAVASCRIPT = "rb-js-abi-host"
RUBY_STRING = "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>"
RUBY_INIT = "ruby-init: func(args: list<string>) -> ()"
RUBY_INTERN = "rb-intern: func(name: string) -> u32"
RUBY_CALL = (
    "rb-funcallv-protect: func(recv: handle<rb-abi-value>, mid: u32, "
    "args: list<handle<rb-abi-value>>) -> tuple<handle<rb-abi-value>, s32>"
)
RUBY_TEXT = "rstring-ptr: func(value: handle<rb-abi-value>) -> string"


class Ruby:
    """One virtual machine. `stdout` is what the scripts have printed."""

    def __init__(self, path: Path) -> None:
        module = ww.Module(path)
        self._values: dict[int, int] = {}
        self._ids = count(1)
        self._out = io.BytesIO()
        refusals = {
            item.name: _refuse(item.name) for item in module.imports if item.module == JAVASCRIPT
        }
        handles = {
            "resource_new_rb-abi-value": self._new,
            "resource_get_rb-abi-value": self._values.__getitem__,
            "resource_drop_js-abi-value": lambda _handle: None,
        }
        process = Preview1(["ruby.wasm"], stdout=self._out, stderr=self._out)
        instance = wasi.instantiate(
            module, process, {JAVASCRIPT: refusals, "canonical_abi": handles}
        )
        self._exports: Any = instance.exports
        self._memory: ww.Memory = instance.exports.memory
        self._exports[RUBY_INIT](*self._strings("ruby.wasm", "-EUTF-8", "-e_=0"))

    @property
    def stdout(self) -> bytes:
        """What has been printed."""
        return self._out.getvalue()

    def eval(self, script: str) -> str:
        """The text of a script's value (its `to_s`). Raises ValueError where Ruby raises."""
        handle, state = self._pair(self._exports[RUBY_STRING](*self._string(script)))
        if state:
            raise ValueError(f"Ruby raised (state {state})")
        name = self._exports[RUBY_INTERN](*self._string("to_s"))
        handle, _ = self._pair(self._exports[RUBY_CALL](handle, name, 0, 0))
        found = self._exports[RUBY_TEXT](handle)
        address, size = self._pair(found)
        return bytes(self._memory[address : address + size]).decode()

    def _new(self, value: int) -> int:
        handle = next(self._ids)
        self._values[handle] = value
        return handle

    def _pair(self, address: int) -> tuple[int, int]:
        first, second = struct.unpack("<II", self._memory[address : address + 8])
        return first, second

    def _string(self, text: str) -> tuple[int, int]:
        data = text.encode() + b"\0"  # Ruby takes C strings, though the length is there
        address = self._exports.cabi_realloc(0, 0, 1, len(data))
        self._memory[address : address + len(data)] = data
        return address, len(data)

    def _strings(self, *texts: str) -> tuple[int, int]:
        pairs = b"".join(struct.pack("<II", *self._string(text)) for text in texts)
        address = self._exports.cabi_realloc(0, 0, 4, len(pairs))
        self._memory[address : address + len(pairs)] = pairs
        return address, len(texts)


def _refuse(name: str) -> Callable[..., Any]:
    def missing(*_args: object) -> Any:
        raise NotImplementedError(f"no JavaScript: {name}")

    return missing
