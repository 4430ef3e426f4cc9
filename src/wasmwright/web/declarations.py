"""TypeScript declarations for the ES modules that ``ahead`` writes.

They stand alone: the classes are declared here, as the type ``WebAssembly`` is not there in every
project (it is in TypeScript's library of the browser).
"""

from __future__ import annotations

import json
from typing import Final

from wasmwright.binary.decode import decode
from wasmwright.model import types
from wasmwright.model.module import (
    KIND_FUNC,
    KIND_GLOBAL,
    KIND_MEMORY,
    KIND_TABLE,
    KIND_TAG,
    Module,
)

_CLASSES: Final = """\
// Made by `wasmwright js --types`.
export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128" | "externref" | "funcref" | "anyfunc";

export declare class Memory {
  constructor(descriptor: { initial: number; maximum?: number });
  readonly buffer: ArrayBuffer;
  grow(delta: number): number;
}
export declare class Table {
  constructor(
    descriptor: { element: "externref" | "funcref" | "anyfunc"; initial: number; maximum?: number },
    value?: any,
  );
  readonly length: number;
  get(index: number): any;
  set(index: number, value?: any): void;
  grow(delta: number, value?: any): number;
}
export declare class Global<T = any> {
  constructor(descriptor: { value: ValueType; mutable?: boolean }, value?: T);
  value: T;
  valueOf(): T;
}
export declare class Tag {
  constructor(descriptor: { parameters: Iterable<ValueType> });
  private readonly parameters: never;
}
export declare class Exception {
  constructor(tag: Tag, payload: Iterable<any>, options?: { traceStack?: boolean });
  is(tag: Tag): boolean;
  getArg(tag: Tag, index: number): any;
}
export declare class LinkError extends Error {}
export declare class RuntimeError extends Error {}
"""

_NUMBERS: Final = {
    types.I32: "number",
    types.I64: "bigint",
    types.F32: "number",
    types.F64: "number",
}


def declarations(binary: bytes) -> str:
    """The text of the ``.d.mts`` for the ES module of a valid module."""
    module = decode(binary)
    imports: dict[str, dict[str, list[str]]] = {}
    counts: dict[int, int] = {}
    for entry in module.imports:
        index = counts.get(entry.kind, 0)
        counts[entry.kind] = index + 1
        found = imports.setdefault(entry.module, {}).setdefault(entry.name, [])
        text = _extern(module, entry.kind, index, imported=True)
        if text not in found:
            found.append(text)
    lines = [_CLASSES, "export interface Imports {"]
    for name, members in imports.items():
        lines.append(f"  {json.dumps(name)}: {{")
        for member, kinds in members.items():
            # What is imported several times has to be of all of the types.
            text = kinds[0] if len(kinds) == 1 else " & ".join(f"({kind})" for kind in kinds)
            lines.append(f"    {json.dumps(member)}: {text};")
        lines.append("  };")
    lines += ["}", "", "export interface Exports {"]
    for export in module.exports:
        text = _extern(module, export.kind, export.index, imported=False)
        lines.append(f"  readonly {json.dumps(export.name)}: {text};")
    optional = "" if imports else "?"
    lines += [
        "}",
        "",
        f"export declare function instantiate(imports{optional}: Imports): Exports;",
        "",
    ]
    return "\n".join(lines)


def _extern(module: Module, kind: int, index: int, *, imported: bool) -> str:
    """The type of what is imported or exported; ``index`` counts those of its kind."""
    if kind == KIND_FUNC:
        return _function(module.func_type(index))
    if kind == KIND_GLOBAL:
        type = module.all_globals[index]
        value = _value(type.valtype)
        either = imported and not type.mutable and type.valtype != types.V128
        return f"Global<{value}> | {value}" if either else f"Global<{value}>"
    return {KIND_TABLE: "Table", KIND_MEMORY: "Memory", KIND_TAG: "Tag"}[kind]


def _value(type: int) -> str:
    """The type of a value in JavaScript: ``never`` where it cannot cross."""
    if type in _NUMBERS:
        return _NUMBERS[type]
    heap = type & types.HEAP_MASK
    if heap == types.EXTERN:
        return "any"
    if heap == types.FUNC or types.is_concrete(type):
        text = "(...values: any[]) => any"
    else:
        return "null" if heap in (types.NOEXTERN, types.NOFUNC) else "never"
    return f"(({text}) | null)" if type & types.NULL else f"({text})"


def _function(type: types.FuncType) -> str:
    params = ", ".join(f"x{index}: {_value(each)}" for index, each in enumerate(type.params))
    results = [_value(each) for each in type.results]
    result = (
        "void" if not results else results[0] if len(results) == 1 else f"[{', '.join(results)}]"
    )
    return f"({params}) => {result}"
