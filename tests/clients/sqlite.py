"""SQLite as sql.js ships it (Emscripten), with a host of its in-memory databases.

The module asks for system calls under Linux's names. A database in memory needs the clock, room
to grow and little else; every other call gets -ENOSYS, which SQLite reports.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import wasmwright as ww

PAGE = 65536
ENOSYS = 52
EBADF = 8
INTEGER, FLOAT, TEXT, BLOB = 1, 2, 3, 4
OK, ROW, DONE = 0, 100, 101
TRANSIENT = -1


class Database:
    """One database in memory."""

    def __init__(self, path: Path) -> None:
        module = ww.Module(path)
        given: dict[str, Any] = {
            "emscripten_date_now": lambda: time.time() * 1e3,
            "emscripten_get_now": lambda: time.perf_counter() * 1e3,
            "emscripten_get_heap_max": lambda: (1 << 31) - PAGE,
            "emscripten_resize_heap": self._resize,
            "environ_sizes_get": self._environ_sizes,
            "clock_time_get": self._clock,
            "_tzset_js": lambda *_args: None,
        }
        imports: dict[str, dict[str, Any]] = {}
        for item in module.imports:
            host = given.get(item.name) or _refuse(item.name, item.type.results)
            imports.setdefault(item.module, {})[item.name] = host
        self._exports = exports = ww.Instance(module, imports).exports
        self._memory: ww.Memory = exports.memory
        exports.emscripten_stack_init()
        exports["__set_stack_limits"](
            exports.emscripten_stack_get_base(), exports.emscripten_stack_get_end()
        )
        exports["__wasm_call_ctors"]()
        handle = exports.malloc(4)
        self._check(exports.sqlite3_open(self._text(":memory:"), handle), 0)
        self._db = self._memory.read_u32(handle)

    @property
    def memory_used(self) -> int:
        """Bytes that SQLite has allocated."""
        return int(self._exports.sqlite3_memory_used())

    def execute(self, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """Run one statement; gives its rows. Raises ValueError with SQLite's message."""
        exports = self._exports
        text, out = self._text(sql), exports.malloc(4)
        self._check(exports.sqlite3_prepare_v2(self._db, text, -1, out, 0))
        statement = self._memory.read_u32(out)
        rows = []
        try:
            for index, value in enumerate(parameters, 1):
                self._check(self._bind(statement, index, value))
            while (code := exports.sqlite3_step(statement)) == ROW:
                count = exports.sqlite3_column_count(statement)
                rows.append(tuple(self._column(statement, index) for index in range(count)))
            self._check(code, DONE)
        finally:
            exports.sqlite3_finalize(statement)
            exports.free(text)
            exports.free(out)
        return rows

    def _bind(self, statement: int, index: int, value: object) -> int:
        exports = self._exports
        if value is None:
            return OK
        if isinstance(value, int):
            return int(exports.sqlite3_bind_int64(statement, index, value))
        if isinstance(value, float):
            return int(exports.sqlite3_bind_double(statement, index, value))
        assert isinstance(value, str | bytes)
        bind = exports.sqlite3_bind_text if isinstance(value, str) else exports.sqlite3_bind_blob
        data = value.encode() if isinstance(value, str) else value
        address = exports.malloc(len(data) + 1)
        self._memory[address : address + len(data)] = data
        try:
            return int(bind(statement, index, address, len(data), TRANSIENT))
        finally:
            exports.free(address)

    def _column(self, statement: int, index: int) -> object:
        exports = self._exports
        kind = exports.sqlite3_column_type(statement, index)
        if kind in (INTEGER, FLOAT):
            number = exports.sqlite3_column_double(statement, index)
            return int(number) if kind == INTEGER else number
        if kind not in (TEXT, BLOB):
            return None
        read = exports.sqlite3_column_text if kind == TEXT else exports.sqlite3_column_blob
        address = read(statement, index)
        data = bytes(
            self._memory[address : address + exports.sqlite3_column_bytes(statement, index)]
        )
        return data.decode() if kind == TEXT else data

    def _check(self, code: int, *good: int) -> None:
        if code not in (good or (OK,)):
            address = self._exports.sqlite3_errmsg(self._db)
            raise ValueError(self._memory.read_str(address, self._exports_strlen(address)))

    def _exports_strlen(self, address: int) -> int:
        return bytes(self._memory[address : address + 1000]).index(0)

    def _text(self, text: str) -> int:
        data = text.encode() + b"\0"
        address: int = self._exports.malloc(len(data))
        self._memory[address : address + len(data)] = data
        return address

    def _resize(self, size: int) -> int:
        missing = -(-(size & 0xFFFF_FFFF) // PAGE) - self._memory.size
        return int(self._memory.grow(max(0, missing)) >= 0)

    def _environ_sizes(self, count: int, size: int) -> int:
        self._memory.write_i32(count, 0)
        self._memory.write_i32(size, 0)
        return 0

    def _clock(self, _clock: int, _precision: int, out: int) -> int:
        self._memory.write_i64(out, time.time_ns())
        return 0


def _refuse(name: str, results: tuple[str, ...]) -> Any:
    if not results:

        def stop(*_args: object) -> None:
            raise NotImplementedError(name)

        return stop
    return lambda *_args: -ENOSYS if name.startswith("__syscall") else EBADF
