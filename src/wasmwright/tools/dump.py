"""A module's structure as plain data: what ``wasmwright dump`` shows.

Reads a decoded module; produces dicts, lists, strings and numbers only, ready for JSON. The
module need not be valid.
"""

from __future__ import annotations

from typing import Any

from wasmwright.binary import custom, names
from wasmwright.errors import WasmError
from wasmwright.model.module import KIND_NAMES, Module
from wasmwright.model.types import FuncType, SubType

SECTION_NAMES = {
    0: "custom",
    1: "type",
    2: "import",
    3: "function",
    4: "table",
    5: "memory",
    6: "global",
    7: "export",
    8: "start",
    9: "element",
    10: "code",
    11: "data",
    12: "data count",
    13: "tag",
}


def dump(module: Module) -> dict[str, Any]:
    """Everything about ``module`` but its code: sections, types, imports, exports, sizes."""
    known = names.decode_names(module)
    return {
        "size": len(module.data),
        "name": known.module,
        "sections": _sections(module),
        "types": [_type(sub) for sub in module.types],
        "imports": [
            {
                "module": entry.module,
                "name": entry.name,
                "kind": KIND_NAMES[entry.kind],
                "type": _extern(module, entry.desc),
            }
            for entry in module.imports
        ],
        "functions": {
            "count": len(module.funcs),
            "bytes": sum(code.end - code.start for code in module.codes),
            "named": len(known.funcs),
        },
        "tables": [str(table.type) for table in module.tables],
        "memories": [str(memory) for memory in module.memories],
        "globals": [str(each.type) for each in module.globals],
        "tags": [_extern(module, tag.type_index) for tag in module.tags],
        "exports": [_export(module, entry) for entry in module.exports],
        "start": module.start,
        "elements": {
            "count": len(module.elems),
            "entries": sum(map(len, module.elems)),
        },
        "data": {
            "count": len(module.datas),
            "bytes": sum(segment.end - segment.start for segment in module.datas),
        },
        **_customs(module),
    }


def _sections(module: Module) -> list[dict[str, Any]]:
    custom_names = iter(section.name for section in module.customs)
    found = []
    for section in module.sections:
        entry: dict[str, Any] = {
            "id": section.id,
            "name": SECTION_NAMES[section.id],
            "offset": section.start,
            "size": section.end - section.start,
        }
        if section.id == 0:
            entry["custom"] = next(custom_names)
        found.append(entry)
    return found


def _type(sub: SubType) -> str:
    text = f"func {sub.comp}" if isinstance(sub.comp, FuncType) else str(sub.comp)
    if sub.supers:
        text += f" sub of {sub.supers[0]}"
    return text if sub.final else text + ", open"


def _extern(module: Module, desc: Any) -> str:
    index = getattr(desc, "type_index", desc)
    if isinstance(index, int):
        return str(module.types[index].comp) if index < len(module.types) else f"type {index}"
    return str(desc)


def _export(module: Module, entry: Any) -> dict[str, Any]:
    spaces: tuple[tuple[Any, ...], ...] = (
        module.all_funcs,
        module.all_tables,
        module.all_memories,
        module.all_globals,
        module.all_tags,
    )
    space = spaces[entry.kind]
    return {
        "name": entry.name,
        "kind": KIND_NAMES[entry.kind],
        "index": entry.index,
        "type": _extern(module, space[entry.index]) if entry.index < len(space) else None,
    }


def _customs(module: Module) -> dict[str, Any]:
    """What the well-known custom sections say; they may be damaged without harm."""
    found: dict[str, Any] = {}
    for key, decode in (
        ("producers", custom.producers),
        ("target_features", custom.target_features),
    ):
        payload = module.custom(key)
        if payload is not None:
            try:
                found[key] = decode(payload)
            except WasmError as error:
                found[key] = f"damaged: {error}"
    return found
