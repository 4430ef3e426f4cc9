"""tree-sitter's library and its grammars: Emscripten's dynamic linking, done by hand.

The library is the main module (`web-tree-sitter.wasm`), a grammar a side module. Each side module
has a `dylink.0` section (tool-conventions, DynamicLinking.md) with the size of its data and of its
part of the table; it is given both as `__memory_base` and `__table_base`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import wasmwright as ww

PAGE = 65536
DATA_BASE = 1024
STACK_SIZE = 65536
MEMORY_INFO = 1  # the dylink.0 subsection


class Needs(NamedTuple):
    """What a side module asks for: bytes and their alignment (a power of two), table elements."""

    memory: int
    align: int
    table: int


def needs(module: ww.Module) -> Needs:
    """The memory info of a module's dylink.0 section."""
    (payload,) = module.custom_sections("dylink.0")
    at = 0

    def u32() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = payload[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(payload):
        kind, size = u32(), u32()
        if kind == MEMORY_INFO:
            memory, align, table, _ = u32(), u32(), u32(), u32()
            return Needs(memory, align, table)
        at += size
    return Needs(0, 0, 0)


class Library:
    """The linked library with its memory and table, into which `language` loads grammars."""

    def __init__(self, path: Path) -> None:
        module = ww.Module(path)
        own = needs(module)
        low = (DATA_BASE + own.memory + 15) & ~15
        high = low + STACK_SIZE
        sizes = {item.name: item.type for item in module.imports if item.module == "env"}
        self.memory = ww.Memory(sizes["memory"].min, sizes["memory"].max)
        self.table = ww.Table("funcref", 1 + own.table)  # element 0 stays null
        self.stack = ww.Global("i32", high, mutable=True)
        self.source = b""
        self.exports: Any = None
        self.exports = self._link(
            module,
            DATA_BASE,
            1,
            {
                "__stack_low": ww.Global("i32", low, mutable=True),
                "__stack_high": ww.Global("i32", high, mutable=True),
                "__heap_base": ww.Global("i32", high, mutable=True),
            },
        )
        self.buffer = self.exports.ts_init()

    def language(self, path: Path, name: str) -> int:
        """Load a grammar; gives the address of its TSLanguage."""
        module = ww.Module(path)
        size = needs(module)
        align = 1 << size.align
        memory_base = (self.exports.calloc(1, size.memory + align) + align - 1) & -align
        exports = self._link(module, memory_base, self.table.grow(size.table), {})
        return exports[name]()

    def parse(self, language: int, source: bytes) -> str:
        """The tree of an ASCII source as an S-expression."""
        self.source = source
        self.exports.ts_parser_new_wasm()
        parser = self.memory.read_u32(self.buffer)
        buffer = self.memory.read_u32(self.buffer + 4)
        self.exports.ts_parser_set_language(parser, language)
        tree = self.exports.ts_parser_parse_wasm(parser, buffer, 0, 0, 0)
        self.exports.ts_tree_root_node_wasm(tree)
        text = self.exports.ts_node_to_string_wasm(tree)
        return bytes(self.memory[text : text + self.exports.strlen(text)]).decode()

    def _link(
        self, module: ww.Module, memory_base: int, table_base: int, got: dict[str, ww.Global]
    ) -> Any:
        env = {
            "memory": self.memory,
            "__indirect_function_table": self.table,
            "__stack_pointer": self.stack,
            "__memory_base": ww.Global("i32", memory_base),
            "__table_base": ww.Global("i32", table_base),
            "tree_sitter_parse_callback": self._read,
            "tree_sitter_log_callback": lambda _is_lex, _text: None,
            "tree_sitter_progress_callback": lambda _offset, _has_error: 0,
            "tree_sitter_query_progress_callback": lambda _offset: 0,
            "emscripten_resize_heap": self._resize,
        }
        for item in module.imports:
            if item.module == "env" and item.name not in env:
                env[item.name] = self._symbol(item.name)
            elif item.module == "GOT.func" and item.name not in got:
                got[item.name] = ww.Global("i32", self._slot(item.name), mutable=True)
        wasi = {
            item.name: _refuse(item.name)
            for item in module.imports
            if item.module == "wasi_snapshot_preview1"
        }
        instance = ww.Instance(
            module,
            {"env": env, "GOT.mem": got, "GOT.func": got, "wasi_snapshot_preview1": wasi},
        )
        for name in ("__wasm_apply_data_relocs", "__wasm_call_ctors"):
            if name in instance.exports:
                instance.exports[name]()
        return instance.exports

    def _symbol(self, name: str) -> Any:
        """A function that a grammar's scanner takes from the library."""
        if self.exports is not None and name in self.exports:
            return self.exports[name]
        return _refuse(name)

    def _slot(self, name: str) -> int:
        return self.table.grow(1, self._symbol(name))

    def _read(self, buffer: int, index: int, _row: int, _column: int, length: int) -> None:
        text = self.source[index : index + 5000].decode("ascii").encode("utf-16-le")
        self.memory[buffer : buffer + len(text)] = text
        self.memory.write_i32(length, len(text) // 2)

    def _resize(self, size: int) -> int:
        size &= 0xFFFF_FFFF
        return int(self.memory.grow(max(0, -(-size // PAGE) - self.memory.size)) >= 0)


def _refuse(name: str) -> Callable[..., Any]:
    def missing(*_args: object) -> Any:
        raise NotImplementedError(name)

    return missing
