"""Type stubs (``.pyi``) for a module's exports.

Reads a decoded module; produces Python text for type checkers and editors: either of a Python
module, as :mod:`wasmwright.importer` makes one of a file, or of one class for
``instance.exports``.
"""

from __future__ import annotations

from keyword import iskeyword
from typing import Final

from wasmwright.api import types as api
from wasmwright.binary.names import Names, decode_names
from wasmwright.model import types
from wasmwright.model.module import (
    KIND_FUNC,
    KIND_GLOBAL,
    KIND_MEMORY,
    KIND_NAMES,
    KIND_TABLE,
    Export,
    Module,
)

_PYTHON: Final[dict[int, str]] = {
    types.I32: "int",
    types.I64: "int",
    types.F32: "float",
    types.F64: "float",
    types.V128: "bytes",
}
_CLASSES: Final[dict[int, str]] = {
    KIND_MEMORY: "Memory",
    KIND_TABLE: "Table",
    KIND_GLOBAL: "Global",
}


def stubs(module: Module, source: str, class_name: str | None = None) -> str:
    """The stubs of ``module``, which came from ``source``: of a module, or of a class.

    Each function has a class of its own, for what it takes when it is called or awaited. Exports
    with names that Python does not allow stand in comments.
    """
    names = decode_names(module)
    classes: list[str] = []
    body: list[str] = []
    used: set[str] = set()
    taken = {export.name for export in module.exports}
    for export in module.exports:
        name = export.name
        if not name.isidentifier() or iskeyword(name):
            body.append(f"# {name!r}: {_describe(module, export)}")
        elif export.kind == KIND_FUNC:
            kind = f"_{name}"
            while kind in taken:
                kind = f"_{kind}"
            taken.add(kind)
            classes += ["", "", *_function(module, names, export.index, kind, used)]
            body.append(f"{name}: {kind}")
        else:
            kind = _CLASSES.get(export.kind, "Any")
            used.add(kind)
            body.append(f"{name}: {kind}")
    lines = [f"# Exports of {source}; made by `wasmwright stubs`."]
    imports = []
    if "Any" in used or class_name is not None:
        wanted = ["Any"] * ("Any" in used) + ["Protocol"] * (class_name is not None)
        imports.append(f"from typing import {', '.join(wanted)}")
    ours = sorted(used - {"Any"})
    if ours:
        imports.append(f"from wasmwright import {', '.join(ours)}")
    if imports:
        lines += ["", "\n\n".join(imports)]
    lines += classes
    if class_name is None:
        lines += [""] * (2 if classes else 1) + body
    else:
        lines += ["", "", f"class {class_name}(Protocol):"]
        lines += [f"    {line}" for line in body]
        if all(line.startswith("#") for line in body):
            lines.append("    pass")
    return "\n".join(lines) + "\n"


def _function(module: Module, names: Names, index: int, kind: str, used: set[str]) -> list[str]:
    """The class of a function."""
    used.add("Func")
    params, result = _signature(module, names, index, used)
    taken = ", ".join(["self", *params, "*", "timeout: float | None = None"])
    return [
        f"class {kind}(Func):",
        f"    def __call__({taken}) -> {result}: ...",
        f"    async def aio({taken}) -> {result}: ...",
    ]


def _describe(module: Module, export: Export) -> str:
    kind = KIND_NAMES[export.kind]
    if export.kind != KIND_FUNC:
        return kind
    return str(api.func_type_of(module.func_type(export.index)))


def _signature(module: Module, names: Names, index: int, used: set[str]) -> tuple[list[str], str]:
    """The parameters, positional only, and the result, as they stand in a stub."""
    func_type = module.func_type(index)
    known = names.locals.get(index, {})
    params: list[str] = []
    taken = {"self", "timeout"}
    for position, valtype in enumerate(func_type.params):
        name = known.get(position, "").replace(".", "_").replace("-", "_")
        if not name.isidentifier() or iskeyword(name) or name in taken:
            name = f"p{position}"
        taken.add(name)
        params.append(f"{name}: {_python(valtype, used)}")
    if params:
        params.append("/")
    results = [_python(valtype, used) for valtype in func_type.results]
    if not results:
        return params, "None"
    return params, results[0] if len(results) == 1 else f"tuple[{', '.join(results)}]"


def _python(valtype: int, used: set[str]) -> str:
    found = _PYTHON.get(valtype)
    if found is not None:
        return found
    if valtype & types.HEAP_MASK in (types.FUNC, types.NOFUNC):
        used.add("Func")
        return "Func | None" if valtype & types.NULL else "Func"
    used.add("Any")
    return "Any"
