"""The polyfill's single file, from its modules.

The modules are plain ES modules that share one scope once they are joined: every top-level name is
unique, imports and exports are only taken out. ``python -m wasmwright.web.build [-o FILE] [--min]``
writes the file. ``--without-simd`` leaves vectors out, for pages that count bytes.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Final

from wasmwright.web import minify as short

FOLDER: Final = Path(__file__).with_name("polyfill")

_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_REEXPORT: Final = re.compile(r'^export \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(async )?(function|const|let|class)\b)", re.MULTILINE)
_TOP_LEVEL: Final = re.compile(
    r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE
)
_LICENSE: Final = "// wasmwright: WebAssembly in JavaScript. Apache License 2.0.\n"

# What stands in the place of modules that are left out, of vectors and for tools.
WITHOUT_SIMD: Final = "without-simd.js"
_SIMD: Final = ("ahead.js", "lanes.js", "opcodes-simd.js", "vector.js")

_SCRIPT: Final = """\
{license}(function (global) {{
"use strict";
{code}}})(globalThis);
"""

# Defines WebAssembly where it is missing; a page can also call `wasmwright.install` itself.
_START: Final = """\
const library = { install, WebAssembly: WebAssemblyPolyfill, aheadOfTime };
if (typeof module === "object" && typeof module.exports === "object") module.exports = library;
else {
  Object.defineProperty(global, "wasmwright", { value: library, configurable: true, writable: true });
  install(global);
}
"""


class BuildError(Exception):
    """The modules cannot be joined."""


def _imports(source: str) -> list[str]:
    return _IMPORT.findall(source) + _REEXPORT.findall(source)


def modules(entry: str, *, simd: bool = True) -> list[str]:
    """The modules that ``entry`` needs, itself included, each behind those that it imports.

    Next comes the one that is used by most of the same modules as the one before: what is alike
    stands close together, as gzip sees no further than 32 KB.
    """
    needs: dict[str, set[str]] = {}
    pending = [entry]
    while pending:
        name = pending.pop()
        if name not in needs:
            imports = _imports((FOLDER / name).read_text())
            needs[name] = {WITHOUT_SIMD if not simd and each in _SIMD else each for each in imports}
            pending += needs[name]
    users = {name: {user for user in needs if name in needs[user]} for name in needs}
    order: list[str] = []
    before: set[str] = set()
    while needs:
        ready = [name for name in needs if not needs[name] & needs.keys()]
        name = max(sorted(ready), key=lambda each: _likeness(users[each], before))
        order.append(name)
        before = users[name]
        del needs[name]
    return order


def _likeness(first: set[str], second: set[str]) -> float:
    return len(first & second) / (len(first | second) or 1)


def join(names: list[str]) -> str:
    """The modules as one text without imports and exports."""
    owners: dict[str, str] = {}
    parts = []
    for name in names:
        source = (FOLDER / name).read_text()
        for top in _TOP_LEVEL.findall(source):
            if owners.setdefault(top, name) != name:
                raise BuildError(f"{name}: {top} is also in {owners[top]}")
        source = _EXPORT.sub("", _REEXPORT.sub("", _IMPORT.sub("", source)))
        if re.search(r"^(import|export)\b", source, re.MULTILINE):
            raise BuildError(f"{name}: an import or export of another form")
        parts.append(f"\n// {name}\n{source}")
    return "".join(parts)


def library(*, minify: bool = False, simd: bool = True) -> str:
    """The library as a script, which is also a CommonJS module."""
    code = f"{join(modules('index.js', simd=simd))}\n{_START}"
    return _SCRIPT.format(license=_LICENSE, code=shorten(code, frozenset()) if minify else code)


def shorten(code: str, offered: frozenset[str]) -> str:
    """Joined modules without comments and with short names, but for what is offered or generated code says."""
    said = short.said_names(short.tokens(join(modules("index.js"))))
    return short.minify(code, offered | frozenset(reserved_names()), frozenset(said))


def reserved_names() -> list[str]:
    """The names that generated code refers to: what a minifier must not change."""
    found = re.findall(r"^import \{([^}]*)\}", (FOLDER / "evaluate.js").read_text(), re.MULTILINE)
    names = {name.strip() for part in found for name in part.split(",")}
    return sorted(names - {"setHigh"})


def main(arguments: list[str]) -> int:
    """The command: writes the library."""
    parser = argparse.ArgumentParser(prog="python -m wasmwright.web.build")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--min", action="store_true", help="without comments, with short names")
    parser.add_argument("--without-simd", action="store_true", help="without vectors")
    options = parser.parse_args(arguments)
    text = library(minify=options.min, simd=not options.without_simd)
    if options.output is None:
        sys.stdout.write(text)
    else:
        options.output.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
