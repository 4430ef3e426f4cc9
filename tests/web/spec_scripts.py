"""The official suite's scripts as JSON, for the runner in JavaScript (``run_spec.cjs``).

``python spec_scripts.py OUTPUT_FOLDER SCRIPT…`` writes one file for each script: its commands, with
modules as base64 binaries (null where the text format already refuses them).
"""

from __future__ import annotations

import base64
import functools
import json
import sys
from pathlib import Path
from typing import Any

from wasmwright.errors import WasmError
from wasmwright.features import DEFAULT
from wasmwright.script import syntax
from wasmwright.script.values import (
    Either,
    ExternRef,
    HostRef,
    NanPattern,
    Null,
    Number,
    RefPattern,
    Vector,
    VectorPattern,
)
from wasmwright.text import parse


def value(item: Any) -> Any:
    """An argument or a pattern of a result."""
    if isinstance(item, Number):
        return {"type": item.kind, "bits": str(item.bits)}
    if isinstance(item, NanPattern):
        return {"type": item.kind, "nan": item.nan}
    if isinstance(item, Vector):
        return {
            "type": "v128",
            "lanes": [{"type": "i8", "bits": str(byte)} for byte in item.content],
        }
    if isinstance(item, VectorPattern):
        return {"type": "v128", "lanes": [value(lane) for lane in item.lanes]}
    if isinstance(item, Null):
        return {"type": "null"}
    if isinstance(item, ExternRef):
        return {"type": "extern", "number": item.number}
    if isinstance(item, HostRef):
        return {"type": "host", "number": item.number}
    if isinstance(item, RefPattern):
        return {"type": "ref", "heap": item.heap}
    assert isinstance(item, Either)
    return {"type": "either", "patterns": [value(each) for each in item.patterns]}


def module(source: syntax.ModuleSource) -> dict[str, Any]:
    """A module: its identifier and binary; ``form`` is how the script writes it."""
    try:
        binary = base64.b64encode(source.binary(DEFAULT)).decode()
    except WasmError:
        binary = None
    return {"id": source.id, "form": source.form, "binary": binary}


def action(item: syntax.Action, results: tuple[Any, ...] = ()) -> dict[str, Any]:
    """An invocation or a look at a global.

    Vectors cannot cross to JavaScript: a function that has them is called by a ``wrapper``, a module
    that takes each as four i32 and leaves the results in its memory, 16 bytes each.
    """
    found: dict[str, Any] = {"instance": item.instance, "name": item.name, "arguments": None}
    if isinstance(item, syntax.Invoke):
        found["arguments"] = [value(each) for each in item.arguments]
        found["wrapper"] = None
        kinds = [[valtype(each) for each in side] for side in (item.arguments, results)]
        if "v128" in kinds[0] + kinds[1] and None not in kinds[0] + kinds[1]:
            found["wrapper"] = wrapper(tuple(map(str, kinds[0])), tuple(map(str, kinds[1])))
    return found


def valtype(item: Any) -> str | None:
    """The type of an argument or result, where it is a number or a vector."""
    if isinstance(item, Either):
        return valtype(item.patterns[0])
    if isinstance(item, (Vector, VectorPattern)):
        return "v128"
    return item.kind if isinstance(item, (Number, NanPattern)) else None


@functools.cache
def wrapper(params: tuple[str, ...], results: tuple[str, ...]) -> str:
    """The module that calls a function of this type, in base64."""
    given = " ".join("i32 i32 i32 i32" if each == "v128" else each for each in params)
    code, at = "", 0
    for each in params:
        if each == "v128":
            code += f"(i32x4.splat (local.get {at}))"
            for lane in (1, 2, 3):
                code += f"(i32x4.replace_lane {lane} (local.get {at + lane}))"
            at += 4
        else:
            code += f"(local.get {at})"
            at += 1
    code += "(call $f)"
    for index in reversed(range(len(results))):
        code += f"(local.set {at + index})"
    for index, each in enumerate(results):
        code += f"({each}.store (i32.const {16 * index}) (local.get {at + index}))"
    text = (
        f'(module (import "" "f" (func $f (param {" ".join(params)}) '
        f'(result {" ".join(results)}))) (memory (export "memory") 1) '
        f'(func (export "run") (param {given}) (local {" ".join(results)}) {code}))'
    )
    return base64.b64encode(parse(text)).decode()


def command(item: syntax.Command) -> dict[str, Any]:
    """One command, with everything that it says."""
    found: dict[str, Any] = {"line": item.line, "kind": syntax.kind_of(item)}
    if isinstance(item, syntax.Definition):
        found |= {"module": module(item.module), "instantiate": item.instantiate}
    elif isinstance(item, syntax.Instantiation):
        found |= {"kind": "instance", "id": item.id, "of": item.module}
    elif isinstance(item, syntax.Register):
        found |= {"name": item.name, "instance": item.instance}
    elif isinstance(item, (syntax.Invoke, syntax.Get)):
        found |= {"kind": "action", "action": action(item)}
    elif isinstance(item, syntax.AssertReturn):
        found |= {
            "action": action(item.action, item.results),
            "results": [value(each) for each in item.results],
        }
    elif isinstance(item, syntax.AssertAction):
        found |= {"action": action(item.action), "message": item.message}
        kinds = [valtype(each) for each in getattr(item.action, "arguments", ())]
        if None not in kinds:
            # What the function would return is not known.
            found["wrappers"] = [
                wrapper(tuple(map(str, kinds)), results) for results in ((), ("v128",), ("i32",))
            ]
    else:
        assert isinstance(item, syntax.AssertModule)
        if isinstance(item.module, syntax.Instantiation):
            found |= {"of": item.module.module}
        else:
            found |= {"module": module(item.module)}
        found |= {"message": item.message}
    return found


def convert(path: Path) -> list[dict[str, Any]]:
    """The commands of a script."""
    return [command(item) for item in syntax.parse_script(path.read_bytes())]


def main(arguments: list[str]) -> None:
    """Convert the scripts named on the command line."""
    output, *scripts = map(Path, arguments)
    output.mkdir(parents=True, exist_ok=True)
    for script in scripts:
        (output / f"{script.parent.name}-{script.stem}.json").write_text(
            json.dumps(convert(script))
        )


if __name__ == "__main__":
    main(sys.argv[1:])
