"""JavaScript inside Python, with a WebAssembly object that the native engine stands behind.

``ww.js.context()`` makes a context of pythonmonkey where that is installed, else of QuickJS (package
``quickjs``, extra ``js``). Scripts written for
the Web instantiate modules in it and call them; what they call runs as machine code, and their
functions are called by it. Python gives objects and functions to scripts and gets theirs.
"""

from __future__ import annotations

import weakref
from importlib.resources import files
from typing import Any

from wasmwright.web.context.bridge import Bridge
from wasmwright.web.context.engine import Engine, NoJavaScriptError, ScriptError
from wasmwright.web.context.spidermonkey import SpiderMonkey, is_free
from wasmwright.web.context.values import (
    UNDEFINED,
    JavaScriptError,
    JavaScriptFunction,
    JavaScriptObject,
)

__all__ = [
    "UNDEFINED",
    "Context",
    "JavaScriptError",
    "JavaScriptFunction",
    "JavaScriptObject",
    "NoJavaScriptError",
    "context",
]


ENGINES = ("pythonmonkey", "quickjs")


def context(*, engine: str | None = None, memory_limit: int | None = None) -> Context:
    """A new JavaScript context; ``memory_limit`` bounds what QuickJS allocates, in bytes.

    ``engine`` is ``"pythonmonkey"`` or ``"quickjs"``. Without one it is pythonmonkey where that is
    installed, has no context yet (it has one in a process), and no limit is asked for; else QuickJS.
    Raises NoJavaScriptError where the package is missing or has its context, and ValueError for
    another name.
    """
    if engine is not None and engine not in ENGINES:
        raise ValueError(f"engine is one of {', '.join(ENGINES)}, not {engine!r}")
    if engine == "pythonmonkey" and memory_limit is not None:
        raise ValueError("pythonmonkey takes no memory limit")
    return Context(engine, memory_limit)


def _engine(name: str | None, memory_limit: int | None) -> Engine | SpiderMonkey:
    if name == "pythonmonkey" or (name is None and memory_limit is None and is_free()):
        return SpiderMonkey()
    return Engine(memory_limit)


class Context:
    """A JavaScript context. To be used from the thread that made it.

    Numbers, strings, booleans and None (``null``) cross as they are, BigInts as ints; arrays and plain
    objects are copied to lists and dicts, and back. Functions can be called from the other side.
    Memories, tables, globals, tags, modules and exported functions are the same objects on both
    sides. All other objects are held by the other side, and are themselves again when they come back.
    ``undefined`` is ``UNDEFINED``; a Python function that returns None returns it.
    """

    def __init__(self, name: str | None = None, memory_limit: int | None = None) -> None:
        engine = _engine(name, memory_limit)
        self._bridge = Bridge(engine)
        # Weakly: QuickJS is no part of Python's cycles, and would keep both for ever.
        bridge = weakref.ref(self._bridge)

        def host(*given: Any) -> str:
            found = bridge()
            assert found is not None  # it owns the engine that calls
            return found.host(*given)

        engine.add("__wasmwright_host", host)
        source = files(__package__).joinpath("webassembly.js").read_text(encoding="utf-8")
        engine.eval(
            f"globalThis.__wasmwright = ({source.strip()})(__wasmwright_host, globalThis);"
            "delete globalThis.__wasmwright_host;"
        )
        names = "evaluate set call imported isPromise watch settled text".split()
        calls = {name: engine.eval(f"__wasmwright.{name}") for name in names}
        calls["buffer"] = engine.buffer
        engine.eval("delete globalThis.__wasmwright;")
        self._engine = engine
        self._bridge.connect(calls)

    def run(self, source: str) -> None:
        """Runs a script: its variables, ``let`` and ``const`` among them, stay for the next one.

        Raises as `eval`; of what was thrown, only the text is left.
        """
        self._bridge.check_thread()
        try:
            self._engine.run(source)
        except ScriptError as error:
            raise self._bridge.from_text(str(error)) from None
        self._engine.run_jobs()

    def eval(self, source: str) -> Any:
        """The value of source as JavaScript's ``eval`` gives it; of a promise, what it comes to when
        all that is put off has run.

        Raises JavaScriptError for what is thrown. An exception of Python that goes through
        JavaScript comes out as itself: traps, link errors, and what functions of yours raise.
        """
        found = self._bridge.evaluate(source)
        self._engine.run_jobs()
        return self._bridge.settle(found)

    def __getitem__(self, name: str) -> Any:
        """A global variable of JavaScript; ``UNDEFINED`` where there is none."""
        if not name.isidentifier():
            raise KeyError(name)
        return self._bridge.evaluate(f"typeof {name} === 'undefined' ? undefined : {name}")

    def __setitem__(self, name: str, value: Any) -> None:
        """Sets a global variable."""
        self._bridge.set(name, value)
