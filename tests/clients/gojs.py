"""Go programs built for GOOS=js: the part of `wasm_exec.js` and of a JavaScript world they need.

A function of the module `gojs` gets the address of its frame on Go's stack, and finds parameters
and results at fixed places in it. A JavaScript value is eight bytes: a number is itself, anything
else a NaN whose low half is an index into the host's table of values.

The world is small on purpose: objects, arrays, byte arrays, and a read-only `fs` over the
directories it is given. Everything asynchronous waits until Go has nothing to do.
"""

from __future__ import annotations

import math
import os
import stat
import struct
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import wasmwright as ww

NAN_HEAD = 0x7FF8_0000
ARGUMENTS = 4096  # where argv goes; Go's data begins above 12 KiB
FLAGS = {"object": 1, "string": 2, "function": 4}
CONSTANTS = ("O_RDONLY", "O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_EXCL")


class Object(dict[str, Any]):
    """A JavaScript object: properties by name."""

    __hash__ = object.__hash__  # type: ignore[assignment]


class Array(list[Any]):
    """A JavaScript array."""


class Bytes(bytearray):
    """A Uint8Array."""


class Undefined:
    """The type of `UNDEFINED`."""


UNDEFINED = Undefined()
Function = Callable[..., Any]


class ExitProgram(Exception):
    """The program has ended; `code` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Go:
    """One run of one program. `stdout` and `stderr` are what it has written."""

    def __init__(self, path: Path, stdin: bytes = b"", root: Path | None = None) -> None:
        self._module = ww.Module(path)
        self._stdin = stdin
        self._root = root
        self.stdout = bytearray()
        self.stderr = bytearray()
        self._files: dict[int, int] = {}  # descriptors that the program has opened, ours by theirs
        self._ready: deque[tuple[Function, tuple[Any, ...]]] = deque()
        self._timers: dict[int, float] = {}
        self._next_timer = 1
        self._go = Object(_makeFuncWrapper=self._wrap_function, _pendingEvent=None)
        world = self._world()
        self._values: list[Any] = [math.nan, 0.0, None, True, False, world, self._go]
        self._ids: dict[Any, int] = {_key(each): index for index, each in enumerate(self._values)}

    def run(self, *argv: str) -> int:
        """Run with these arguments, the program's name first; gives the exit code."""
        instance = ww.Instance(self._module, {"gojs": self._imports()})
        self._exports: Any = instance.exports
        self._memory: ww.Memory = instance.exports.mem
        pointers, at = b"", ARGUMENTS
        for text in argv:
            data = text.encode() + b"\0"
            self._memory[at : at + len(data)] = data
            pointers += struct.pack("<Q", at)
            at = (at + len(data) + 7) & ~7
        self._memory[at : at + len(pointers) + 16] = pointers + bytes(16)
        try:
            self._exports.run(len(argv), at)
            while True:
                self._next_event()
        except ExitProgram as end:
            return end.code
        finally:
            for descriptor in self._files.values():
                os.close(descriptor)

    def _next_event(self) -> None:
        if self._ready:
            function, args = self._ready.popleft()
            function(UNDEFINED, *args)
        elif self._timers:
            timer = min(self._timers, key=self._timers.__getitem__)
            time.sleep(max(0.0, self._timers[timer] - time.monotonic()))
            self._exports.resume()
        else:
            raise RuntimeError("deadlock: the program waits for nothing")

    # The frame of a call: values at byte offsets from the stack pointer.

    def _value(self, address: int) -> Any:
        number = self._memory.read_f64(address)
        if number == 0:
            return UNDEFINED
        return number if number == number else self._values[self._memory.read_u32(address)]

    def _store(self, address: int, value: Any) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool) and value != 0:
            self._memory.write_f64(address, float(value))
            return
        if value is UNDEFINED:
            self._memory.write_f64(address, 0.0)
            return
        key = _key(value)
        index = self._ids.get(key)
        if index is None:
            index = self._ids[key] = len(self._values)
            self._values.append(value)
        kind = "string" if isinstance(value, str) else "function" if callable(value) else "object"
        flag = 0 if value in (None, True, False, 0) else FLAGS[kind]
        self._memory[address : address + 8] = struct.pack("<II", index, NAN_HEAD | flag)

    def _slice(self, address: int) -> tuple[int, int]:
        start, size = struct.unpack("<QQ", self._memory[address : address + 16])
        return start, size

    def _text(self, address: int) -> str:
        start, size = self._slice(address)
        return bytes(self._memory[start : start + size]).decode()

    def _values_at(self, address: int) -> list[Any]:
        start, size = self._slice(address)
        return [self._value(start + 8 * index) for index in range(size)]

    # The imports.

    def _imports(self) -> dict[str, Any]:
        own = {
            "runtime.wasmExit": self._exit,
            "runtime.wasmWrite": self._write_now,
            "runtime.resetMemoryDataView": lambda _sp: None,
            "runtime.nanotime1": lambda sp: self._memory.write_i64(sp + 8, time.monotonic_ns()),
            "runtime.walltime": self._walltime,
            "runtime.scheduleTimeoutEvent": self._schedule,
            "runtime.clearTimeoutEvent": self._clear,
            "runtime.getRandomData": self._random,
            "syscall/js.finalizeRef": lambda _sp: None,
            "syscall/js.stringVal": lambda sp: self._store(sp + 24, self._text(sp + 8)),
            "syscall/js.valueGet": self._get,
            "syscall/js.valueSet": self._set,
            "syscall/js.valueIndex": self._index,
            "syscall/js.valueSetIndex": self._set_index,
            "syscall/js.valueCall": self._call,
            "syscall/js.valueInvoke": self._invoke,
            "syscall/js.valueNew": self._new,
            "syscall/js.valueLength": self._length,
            "syscall/js.valuePrepareString": self._prepare,
            "syscall/js.valueLoadString": self._load,
            "syscall/js.valueInstanceOf": self._instance_of,
            "syscall/js.copyBytesToGo": self._bytes_to_go,
            "syscall/js.copyBytesToJS": self._bytes_to_js,
        }
        return {
            item.name: own.get(item.name) or _refuse(item.name) for item in self._module.imports
        }

    def _exit(self, sp: int) -> None:
        raise ExitProgram(self._memory.read_i32(sp + 8))

    def _write_now(self, sp: int) -> None:
        descriptor, start, size = struct.unpack("<QQi", self._memory[sp + 8 : sp + 28])
        (self.stdout if descriptor == 1 else self.stderr).extend(self._memory[start : start + size])

    def _walltime(self, sp: int) -> None:
        seconds, rest = divmod(time.time_ns(), 10**9)
        self._memory.write_i64(sp + 8, seconds)
        self._memory.write_i32(sp + 16, rest)

    def _schedule(self, sp: int) -> None:
        timer, self._next_timer = self._next_timer, self._next_timer + 1
        self._timers[timer] = time.monotonic() + self._memory.read_i64(sp + 8) / 1e3
        self._memory.write_i32(sp + 16, timer)

    def _clear(self, sp: int) -> None:
        self._timers.pop(self._memory.read_i32(sp + 8), None)

    def _random(self, sp: int) -> None:
        start, size = self._slice(sp + 8)
        self._memory[start : start + size] = os.urandom(size)

    def _get(self, sp: int) -> None:
        found = _property(self._value(sp + 8), self._text(sp + 16))
        self._store(self._exports.getsp() + 32, found)

    def _set(self, sp: int) -> None:
        self._value(sp + 8)[self._text(sp + 16)] = self._value(sp + 32)

    def _index(self, sp: int) -> None:
        self._store(sp + 24, self._value(sp + 8)[self._memory.read_i64(sp + 16)])

    def _set_index(self, sp: int) -> None:
        items, index = self._value(sp + 8), self._memory.read_i64(sp + 16)
        items.extend([UNDEFINED] * (index + 1 - len(items)))
        items[index] = self._value(sp + 24)

    def _call(self, sp: int) -> None:
        receiver = self._value(sp + 8)
        function = _property(receiver, self._text(sp + 16))
        self._finish(56, function, receiver, self._values_at(sp + 32))

    def _invoke(self, sp: int) -> None:
        self._finish(40, self._value(sp + 8), UNDEFINED, self._values_at(sp + 16))

    def _new(self, sp: int) -> None:
        self._finish(40, self._value(sp + 8), UNDEFINED, self._values_at(sp + 16))

    def _finish(self, offset: int, function: Function, this: Any, args: list[Any]) -> None:
        """Call, and leave the result at this offset of the frame, which may have moved."""
        result, good = function(this, *args), 1
        sp = self._exports.getsp()
        self._store(sp + offset, result)
        self._memory.write_i8(sp + offset + 8, good)

    def _length(self, sp: int) -> None:
        self._memory.write_i64(sp + 16, len(self._value(sp + 8)))

    def _prepare(self, sp: int) -> None:
        data = Bytes(str(self._value(sp + 8)).encode())
        self._store(sp + 16, data)
        self._memory.write_i64(sp + 24, len(data))

    def _load(self, sp: int) -> None:
        start, size = self._slice(sp + 16)
        self._memory[start : start + size] = self._value(sp + 8)[:size]

    def _instance_of(self, sp: int) -> None:
        kinds = {"Array": Array, "Object": Object, "Uint8Array": Bytes}
        kind = kinds.get(getattr(self._value(sp + 16), "__name__", ""), Undefined)
        self._memory.write_i8(sp + 24, int(isinstance(self._value(sp + 8), kind)))

    def _bytes_to_go(self, sp: int) -> None:
        start, size = self._slice(sp + 8)
        data = self._value(sp + 32)[:size]
        self._memory[start : start + len(data)] = data
        self._memory.write_i64(sp + 40, len(data))
        self._memory.write_i8(sp + 48, 1)

    def _bytes_to_js(self, sp: int) -> None:
        target = self._value(sp + 8)
        start, size = self._slice(sp + 16)
        size = min(size, len(target))
        target[:size] = self._memory[start : start + size]
        self._memory.write_i64(sp + 40, size)
        self._memory.write_i8(sp + 48, 1)

    # The world.

    def _wrap_function(self, _this: Any, identity: float) -> Function:
        def call(this: Any, *args: Any) -> Any:
            event = Object(id=identity, this=this, args=Array(args), result=UNDEFINED)
            self._go["_pendingEvent"] = event
            self._exports.resume()
            return event["result"]

        return call

    def _world(self) -> Object:
        constants = Object(
            {name: getattr(os, name) for name in CONSTANTS}, O_DIRECTORY=os.O_DIRECTORY
        )
        fs = Object(constants=constants)
        for name in ("open", "close", "read", "write", "fstat", "stat", "lstat", "readdir"):
            fs[name] = self._async(getattr(self, f"_fs_{name}"))
        for name in ("mkdir", "unlink", "rename", "readlink", "fsync"):
            fs[name] = self._async(_not_implemented)
        return Object(
            Object=_named("Object", lambda _this, *_args: Object()),
            Array=_named("Array", lambda _this, *args: Array(args)),
            Uint8Array=_named("Uint8Array", lambda _this, size: Bytes(int(size))),
            fs=fs,
            process=Object(
                pid=1.0,
                ppid=1.0,
                cwd=lambda _this: "/",
                umask=lambda _this: 0,
                getuid=lambda _this: 0,
            ),
            path=Object(resolve=lambda _this, *parts: os.path.normpath(os.path.join("/", *parts))),
        )

    def _async(self, function: Callable[..., Any]) -> Function:
        """A function of `fs`: its last argument is called back with an error or a result."""

        def call(_this: Any, *args: Any) -> Any:
            *own, callback = args
            try:
                self._ready.append((callback, (None, function(*own))))
            except OSError as error:
                code = _code(error)
                self._ready.append((callback, (Object(code=code, message=str(error)),)))
            return UNDEFINED

        return call

    def _host_path(self, path: str) -> Path:
        if self._root is None:
            raise FileNotFoundError(2, path)
        found = (self._root / path.lstrip("/")).resolve()
        if not found.is_relative_to(self._root.resolve()):
            raise FileNotFoundError(2, path)
        return found

    def _fs_open(self, path: str, flags: float, _mode: float) -> int:
        if int(flags) & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(13, path)
        host = os.open(self._host_path(path), os.O_RDONLY)
        descriptor = 3 + len(self._files)
        self._files[descriptor] = host
        return descriptor

    def _fs_close(self, _descriptor: float) -> Any:
        return UNDEFINED  # `run` closes them all

    def _fs_read(self, descriptor: float, into: Bytes, offset: float, size: float, at: Any) -> int:
        start, count = int(offset), int(size)
        if descriptor in (UNDEFINED, 0):
            data, self._stdin = self._stdin[:count], self._stdin[count:]
        elif at is None:
            data = os.read(self._files[int(descriptor)], count)
        else:
            data = os.pread(self._files[int(descriptor)], count, int(at))
        into[start : start + len(data)] = data
        return len(data)

    def _fs_write(
        self, descriptor: float, data: Bytes, offset: float, size: float, _at: Any
    ) -> int:
        start, count = _number(offset), _number(size)
        stream = self.stdout if descriptor == 1 else self.stderr
        stream.extend(data[start : start + count])
        return count

    def _fs_fstat(self, descriptor: float) -> Object:
        return _stat(os.fstat(self._files[int(descriptor)]))

    def _fs_stat(self, path: str) -> Object:
        return _stat(self._host_path(path).stat())

    _fs_lstat = _fs_stat

    def _fs_readdir(self, path: str) -> Array:
        return Array(sorted(os.listdir(self._host_path(path))))


def _number(value: Any) -> int:
    """An integer argument. Go's zero comes as the value number 1, or as undefined."""
    return 0 if value is UNDEFINED else int(value)


def _property(value: Any, name: str) -> Any:
    if isinstance(value, Object):
        return value.get(name, UNDEFINED)
    if name == "length":
        return len(value)
    raise TypeError(f"no property {name} of {value!r}")


def _key(value: Any) -> Any:
    """What a value is known by: text and numbers by what they are, the rest by identity."""
    if isinstance(value, str):
        return "text", value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number", value
    return "object", id(value)


def _named(name: str, function: Function) -> Function:
    function.__name__ = name  # type: ignore[attr-defined]
    return function


def _code(error: OSError) -> str:
    import errno

    return errno.errorcode.get(error.errno or errno.EIO, "EIO")


def _not_implemented(*_args: Any) -> Any:
    raise OSError(38, "not implemented")


def _stat(found: os.stat_result) -> Object:
    return Object(
        dev=found.st_dev,
        ino=found.st_ino,
        mode=found.st_mode,
        nlink=found.st_nlink,
        uid=found.st_uid,
        gid=found.st_gid,
        rdev=0,
        size=found.st_size,
        blksize=4096,
        blocks=0,
        atimeMs=found.st_atime * 1e3,
        mtimeMs=found.st_mtime * 1e3,
        ctimeMs=found.st_ctime * 1e3,
        isDirectory=lambda _this: stat.S_ISDIR(found.st_mode),
    )


def _refuse(name: str) -> Callable[..., Any]:
    def missing(*_args: object) -> Any:
        raise NotImplementedError(name)

    return missing
