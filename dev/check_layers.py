"""Checks that imports inside src/wasmwright go one way: down the layers below.

Reads every .py file's imports, those inside functions too. Prints `file:line: rule` for each
violation and exits 1 if there was one.

Usage: python dev/check_layers.py [SOURCE_FOLDER]
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = "wasmwright"

# Top first. A module imports from strictly lower layers, or from its own package.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("__init__",),  # the public names: whoever is below must not import `wasmwright` itself
    ("compat",),
    ("importer",),
    ("web",),  # its development server shows what the tools report
    ("tools", "script", "toolchain", "wasi"),
    ("api",),
    ("runtime",),
    ("codegen",),
    ("validate",),
    ("text",),  # assembles to the binary format, and prints from it
    ("binary",),
    ("model",),
    ("isa",),
    ("errors", "features", "limits", "records", "tuning"),
    ("_build_info",),
)
LEVEL = {name: level for level, names in enumerate(reversed(LAYERS)) for name in names}

BACKENDS = ("wasmwright.codegen.llvm", "wasmwright.codegen.baseline")

# Libraries that one package alone may import.
CONFINED = {"llvmlite": "wasmwright.codegen.llvm"}

# Imports under `if TYPE_CHECKING:` that may point upwards: (importing module, imported module).
TYPE_CHECKING_EXEMPT: frozenset[tuple[str, str]] = frozenset()


class Import(NamedTuple):
    """One imported module, by its full name."""

    target: str
    line: int
    type_checking: bool


def module_name(file: Path, source: Path) -> str:
    """`wasmwright.binary.decode` for `src/wasmwright/binary/decode.py`; a package by its name."""
    parts = file.relative_to(source.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str:
    """The name in LAYERS that `module` stands under."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def imports_of(tree: ast.Module, module: str, is_package: bool, known: set[str]) -> list[Import]:
    """All imports in `tree`; `known` tells a submodule in `from p import m` from a plain name."""
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                kept = len(parts) - node.level + is_package
                base = ".".join(parts[:kept] + ([base] if base else []))
            full = [f"{base}.{alias.name}" for alias in node.names]
            targets = [name if name in known else base for name in full]
        else:
            continue
        found += [Import(t, node.lineno, id(node) in guarded) for t in dict.fromkeys(targets)]
    return found


def broken_rule(module: str, imported: Import) -> str | None:
    """The rule that `module` breaks by this import, in words; None if it breaks none."""
    target = imported.target
    library = target.split(".")[0]
    if library != ROOT:
        home = CONFINED.get(library)
        if home and not is_within(module, home):
            return f"only {home} may import {library}"
        return None
    if imported.type_checking and (module, target) in TYPE_CHECKING_EXEMPT:
        return None
    for mine in BACKENDS:
        for other in BACKENDS:
            if mine != other and is_within(module, mine) and is_within(target, other):
                return f"backends never import each other: {module} imports {target}"
    here, there = package_of(module), package_of(target)
    if there not in LEVEL:
        return f"{there} is in no layer: add it to LAYERS"
    if here == there or here not in LEVEL or LEVEL[there] < LEVEL[here]:
        return None
    if there == "__init__":
        return f"{here} may not import the package's public face; import the module that has it"
    relation = "is on the same layer" if LEVEL[there] == LEVEL[here] else "is above it"
    return f"{here} may not import {there}, which {relation}"


def violations(source: Path) -> Iterator[tuple[Path, int, str]]:
    """(file, line, rule) for everything wrong under `source`, the folder of the package."""
    files = sorted(source.rglob("*.py"))
    known = {module_name(file, source) for file in files}
    for folder in sorted({file.parent for file in files}):
        if not (folder / "__init__.py").exists():
            yield folder, 1, "a folder with modules needs an __init__.py, or no wheel has it"
    for file in files:
        module = module_name(file, source)
        if package_of(module) not in LEVEL:
            yield file, 1, f"{package_of(module)} is in no layer: add it to LAYERS"
        tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
        for imported in imports_of(tree, module, file.name == "__init__.py", known):
            rule = broken_rule(module, imported)
            if rule:
                yield file, imported.line, rule


def main(arguments: list[str]) -> int:
    default = Path(__file__).resolve().parent.parent / "src" / ROOT
    source = Path(arguments[0]).resolve() if arguments else default
    count = 0
    for file, line, rule in violations(source):
        print(f"{file.relative_to(source.parent.parent)}:{line}: {rule}")
        count += 1
    print(f"layers: {count or 'no'} violation{'' if count == 1 else 's'}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
