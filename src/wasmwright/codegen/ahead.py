"""Files of code that was compiled ahead of time (``.wwc``): the format, and what is checked.

Reads and writes one file for a module: its bytes, the objects of all its functions, those of the
stubs that do not come with this package, and for what all of that was made. Needs no LLVM.

A file is machine code, and like a shared library it is trusted because of who made it. What is
checked keeps accidents away, not malice: that the file is whole (a hash at its end), made by this
version of the package, and for this machine.
"""

from __future__ import annotations

import struct
from typing import Final

from wasmwright.codegen import cpu
from wasmwright.codegen.digest import blake2b
from wasmwright.codegen.identity import source_identity
from wasmwright.codegen.options import Options
from wasmwright.errors import CompileError

MAGIC: Final = b"\0wwcode1"
SUFFIX: Final = ".wwc"

_DIGEST: Final = 32
_SECTION: Final = struct.Struct("<4sQ")  # tag, bytes
_UNIT: Final = struct.Struct("<II")  # functions, bytes of object
_PART: Final = struct.Struct("<II")  # bytes of name, bytes of object

Units = list[tuple[tuple[int, ...], bytes]]


class Ahead:
    """A module with its code; ``guard`` is the mode that the code is for."""

    def __init__(self, wasm: bytes, arch: str, cpu: str, guard: bool, options: Options) -> None:
        self.wasm = wasm
        self.arch = arch
        self.cpu = cpu
        self.guard = guard
        self.options = options
        self.units: Units = []
        self.parts: dict[str, bytes] = {}  # native parts, by name

    def find(self) -> dict[int, tuple[tuple[int, ...], bytes]]:
        """The unit of each function."""
        return {func: unit for unit in self.units for func in unit[0]}


def is_ahead(data: bytes) -> bool:
    """Whether bytes begin as such a file does."""
    return data.startswith(MAGIC)


def dump(ahead: Ahead) -> bytes:
    """The bytes of a file."""
    info = {
        "made-by": source_identity().hex(),
        "arch": ahead.arch,
        "cpu": ahead.cpu,
        "machine": cpu.fingerprint() if ahead.cpu == cpu.NATIVE else "",
        "guard": str(int(ahead.guard)),
        **{
            name: "" if value is None else str(int(value))
            for name, value in (
                ("features", ahead.options.features),
                ("option-guard", ahead.options.guard),
                ("level", ahead.options.level),
                ("fuel", ahead.options.fuel),
                ("deterministic", ahead.options.deterministic),
            )
        },
    }
    code = []
    for funcs, data in ahead.units:
        code += [_UNIT.pack(len(funcs), len(data)), struct.pack(f"<{len(funcs)}I", *funcs), data]
    parts = []
    for name, data in ahead.parts.items():
        key = name.encode()
        parts += [_PART.pack(len(key), len(data)), key, data]
    out = [MAGIC]
    for tag, content in (
        (b"info", "\n".join(f"{name}={value}" for name, value in info.items()).encode()),
        (b"wasm", ahead.wasm),
        (b"code", b"".join(code)),
        (b"part", b"".join(parts)),
    ):
        out += [_SECTION.pack(tag, len(content)), content]
    body = b"".join(out)
    return body + blake2b(body, digest_size=_DIGEST).digest()


def parse(data: bytes) -> Ahead:
    """What is in a file that can be used here; CompileError says why not."""
    if not is_ahead(data):
        raise CompileError("not a file of code that wasmwright compiled ahead of time")
    body, digest = data[:-_DIGEST], data[-_DIGEST:]
    if blake2b(body, digest_size=_DIGEST).digest() != digest:
        raise CompileError("the file of compiled code is damaged or truncated")
    try:
        return _parse(body)
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise CompileError(f"the file of compiled code is malformed ({error!r})") from error


def _parse(body: bytes) -> Ahead:
    sections: dict[bytes, bytes] = {}
    at = len(MAGIC)
    while at < len(body):
        tag, size = _SECTION.unpack_from(body, at)
        at += _SECTION.size
        sections[tag] = _piece(body, at, size)
        at += size
    info = dict(line.split("=", 1) for line in sections[b"info"].decode().split("\n"))
    _check(info)
    guard, level = info["option-guard"], info["level"]
    options = Options(
        int(info["features"]),
        bool(int(guard)) if guard else None,
        int(level) if level else None,
        bool(int(info["fuel"])),
        bool(int(info["deterministic"])),
    )
    found = Ahead(sections[b"wasm"], info["arch"], info["cpu"], info["guard"] == "1", options)
    code, at = sections[b"code"], 0
    while at < len(code):
        count, size = _UNIT.unpack_from(code, at)
        at += _UNIT.size
        funcs = struct.unpack(f"<{count}I", _piece(code, at, 4 * count))
        at += 4 * count
        found.units.append((funcs, _piece(code, at, size)))
        at += size
    parts, at = sections[b"part"], 0
    while at < len(parts):
        length, size = _PART.unpack_from(parts, at)
        at += _PART.size
        name = _piece(parts, at, length).decode()
        at += length
        found.parts[name] = _piece(parts, at, size)
        at += size
    return found


def _piece(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise ValueError(f"{size} bytes at {at} of {len(data)}")
    return data[at : at + size]


def _check(info: dict[str, str]) -> None:
    if info["made-by"] != source_identity().hex():
        raise CompileError("the code was compiled by another version of wasmwright: compile again")
    if info["arch"] != cpu.machine():
        raise CompileError(f"the code is for {info['arch']}; this machine is {cpu.machine()}")
    if info["cpu"] == cpu.NATIVE:
        if info["machine"] != cpu.fingerprint():
            raise CompileError("the code is for the very machine that it was compiled on")
    elif lacking := cpu.missing(info["cpu"]):
        raise CompileError(f"the code is for {info['cpu']}; this CPU lacks {' '.join(lacking)}")
