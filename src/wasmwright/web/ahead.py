"""Modules to ES modules ahead of time, by the polyfill's translator in a JavaScript engine.

Reads a module's bytes; produces the text of an ES module that exports ``instantiate(imports)`` and
needs no ``eval``, so that it runs under a Content Security Policy without ``unsafe-eval``. The
engine is a ``node`` on the PATH, or QuickJS through the package ``quickjs`` (extra ``js``).
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wasmwright.binary.decode import decode
from wasmwright.binary.names import decode_names
from wasmwright.errors import CompileError
from wasmwright.web.build import join, library, modules, reserved_names, shorten
from wasmwright.web.readable import readable

ENGINES: Final = ("node", "quickjs")
# What the template takes from the runtime.
_OFFERED: Final = frozenset(
    "aheadModule Memory Table Global Tag Exception LinkError RuntimeError".split()
)
_TIMEOUT: Final = 600  # seconds for a translation; the largest module known takes ten

_TEMPLATE: Final = """\
// Made by `wasmwright js`. WebAssembly, translated to JavaScript ahead of time.
{runtime}
/** The classes to make imports of, and the errors that the code throws. */
export {{ Memory, Table, Global, Tag, Exception, LinkError, RuntimeError }};

/** An instance's exports, from an object of imports as WebAssembly.Instance takes it. */
export const instantiate = aheadModule(
"{data}",
{scope},
{{{exported}}},
{{{host}}},
);
"""

# For the polyfill in a page: the library brings what the code names.
_SHARED: Final = """\
// Made by `wasmwright js --shared`, for wasmwright.js on a page without 'unsafe-eval'.
export default (L) => {{
const {{{names}}} = L;
return {{
scope: {scope},
exported: {{{exported}}},
host: {{{host}}},
}};
}};
"""
# The variable `high` is the library's and changes: not the word as a property's name.
_HIGH: Final = re.compile(r"(?<![.\w$])(?<!,(?=high:))high\b")

# What runs in node: the library is the first argument, the module comes on stdin, in base64.
_DRIVER: Final = """\
delete globalThis.WebAssembly;
const library = require(process.argv[1]);
const input = Buffer.from(require("fs").readFileSync(0, "latin1"), "base64");
let result;
try {
  const { bytes, ...rest } = library.aheadOfTime(new Uint8Array(input));
  result = { ...rest, bytes: Buffer.from(bytes).toString("base64") };
} catch (error) {
  if (!(error instanceof library.WebAssembly.CompileError)) throw error;
  result = { error: error.message };
}
process.stdout.write(JSON.stringify(result));
"""

_QUICKJS: Final = """\
(function (numbers) {
  try {
    const { bytes, ...rest } = wasmwright.aheadOfTime(Uint8Array.from(JSON.parse(numbers)));
    return JSON.stringify({ ...rest, bytes: Array.from(bytes) });
  } catch (error) {
    if (!(error instanceof wasmwright.WebAssembly.CompileError)) throw error;
    return JSON.stringify({ error: error.message });
  }
})
"""


class NoEngineError(Exception):
    """There is no JavaScript engine to translate with."""


@dataclass(frozen=True)
class Translation:
    """What the translator gives: sources, and the module's bytes without its code in base64."""

    data: str
    scope: str
    exported: dict[str, str]
    host: dict[str, str]


def translate(binary: bytes, engine: str | None = None) -> Translation:
    """Translate a module; ``engine`` is one of ``ENGINES``, or the first that is there.

    Raises CompileError where the module is malformed, invalid or uses what the polyfill does not
    execute, and NoEngineError where there is no engine.
    """
    result = _run(binary, engine)
    if "error" in result:
        raise CompileError(str(result["error"]))
    data = result["bytes"]
    if not isinstance(data, str):
        data = base64.b64encode(bytes(data)).decode()
    return Translation(data, result["scope"], dict(result["exported"]), dict(result["host"]))


def es_module(binary: bytes, *, engine: str | None = None, level: int = 1) -> str:
    """The text of the ES module for a module. Raises as :func:`translate`.

    ``level`` 0 is for readers: a statement a line, with the names of functions. 1 writes the same
    code without space, and the runtime as it is; 2 shortens the runtime too.
    """
    translation = translate(binary, engine)
    runtime = join(modules("ahead-runtime.js"))
    scope = translation.scope
    if level == 0:
        scope = readable(scope, decode_names(decode(binary)).funcs)
    return _TEMPLATE.format(
        runtime=shorten(runtime, _OFFERED) if level > 1 else runtime,
        data=translation.data,
        scope=scope,
        exported=_makers(translation.exported),
        host=_makers(translation.host),
    )


def shared_module(binary: bytes, *, engine: str | None = None) -> str:
    """The text of the ES module with a module's code alone, which the polyfill loads where a page
    forbids evaluation: beside ``x.wasm`` as ``x.wasm.js``. Raises as :func:`translate`.
    """
    translation = translate(binary, engine)
    return _SHARED.format(
        names=", ".join(name for name in reserved_names() if name != "high"),
        scope=_HIGH.sub("L.high", translation.scope),
        exported=_HIGH.sub("L.high", _makers(translation.exported)),
        host=_HIGH.sub("L.high", _makers(translation.host)),
    )


def _makers(sources: dict[str, str]) -> str:
    """The members of an object: what makes border functions, by shape."""
    return ",".join(f"{json.dumps(shape)}:{source}" for shape, source in sources.items())


def _run(binary: bytes, engine: str | None) -> dict[str, Any]:
    wanted = ENGINES if engine is None else (engine,)
    for name in wanted:
        if name == "node" and shutil.which("node"):
            return _node(binary)
        if name == "quickjs":
            try:
                import quickjs
            except ImportError:
                continue
            context = quickjs.Context()
            context.eval(library(minify=True))
            function = context.eval(_QUICKJS)
            found: dict[str, Any] = json.loads(function(json.dumps(list(binary))))
            return found
    raise NoEngineError(
        "no JavaScript engine: install node, or the package quickjs (pip install 'wasmwright[js]')"
    )


def _node(binary: bytes) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wasmwright.cjs"
        path.write_text(library())
        done = subprocess.run(
            ["node", "--stack-size=4000", "-e", _DRIVER, str(path)],
            input=base64.b64encode(binary),
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    if done.returncode != 0:
        raise NoEngineError(f"node failed: {done.stderr.decode(errors='replace').strip()[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
