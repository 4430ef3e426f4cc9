"""SpiderMonkey, through the package ``pythonmonkey``: one context in a process.

The package has one global object, so that there is one context, which lasts as long as the process.
Bytes cross as buffers of Python, both ways. What promises put off goes to the event loop that runs: here
to one of our own, for as long as JavaScript is running, so that it can be run to its end at once.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from wasmwright.web.context.engine import NoJavaScriptError, ScriptError

_taken = False


def is_free() -> bool:
    """Whether the package is installed and no context has taken its global object."""
    if _taken:
        return False
    try:
        import pythonmonkey  # noqa: F401
    except ImportError:
        return False
    return True


class SpiderMonkey:
    """The one context of the package; see Engine for what it does. Raises NoJavaScriptError."""

    def __init__(self) -> None:
        global _taken
        try:
            import pythonmonkey
        except ImportError as error:
            raise NoJavaScriptError("the package pythonmonkey is not installed") from error
        if _taken:
            raise NoJavaScriptError("pythonmonkey has one JavaScript context in a process")
        _taken = True
        self._package: Any = pythonmonkey
        self._loop = asyncio.new_event_loop()
        atexit.register(self._loop.close)
        self._set_buffer = self.eval("(holder, view) => { holder.buffer = view.buffer; }")
        self._detach = self.eval("(holder) => { holder.buffer.transfer(0); }")
        self._set_global = self.eval("(name, value) => { globalThis[name] = value; }")

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """JavaScript runs: what it puts off goes to the loop here."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self._loop)
        try:
            yield
        finally:
            asyncio._set_running_loop(before)

    def _value(self, value: Any) -> Any:
        """A value of the package; functions run inside the loop."""
        if value is self._package.null:
            return None
        if callable(value):
            return lambda *given: self._call(value, given)
        return value

    def _call(self, function: Any, given: tuple[Any, ...]) -> Any:
        with self._inside():
            return self._value(function(*given))

    def eval(self, source: str) -> Any:
        """The value of a script, as the package gives it."""
        with self._inside():
            return self._value(self._package.eval(source))

    def run(self, source: str) -> None:
        """Runs a script. Raises ScriptError."""
        try:
            with self._inside():
                self._package.eval(source)
        except self._package.SpiderMonkeyError as error:
            raise ScriptError(_thrown(str(error))) from error

    def add(self, name: str, function: Callable[..., Any]) -> None:
        """Makes a Python function a global one."""
        null = self._package.null

        def call(*given: Any) -> Any:
            return function(*(None if each is null else each for each in given))

        self._set_global(name, call)

    def run_jobs(self) -> None:
        """Runs what promises put off, until there is no more."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        try:
            ready = True
            while ready:
                self._loop.call_soon(self._loop.stop)
                self._loop.run_forever()
                ready = bool(getattr(self._loop, "_ready", ()))
        finally:
            asyncio._set_running_loop(before)

    def read(self, buffer: Any, offset: int, length: int) -> bytes:
        """Bytes of an ArrayBuffer."""
        view = memoryview(buffer)
        if offset < 0 or length < 0 or offset + length > len(view):
            raise ValueError("the bytes are outside of the buffer")
        return bytes(view[offset : offset + length])

    def buffer(self, holder: Any) -> Any:
        """What `detach` takes for an object that `share` gave a buffer."""
        return holder

    def share(self, holder: Any, address: int, length: int) -> None:
        """Sets the property ``buffer`` of an object to an ArrayBuffer on this memory.

        The memory must stay where it is for as long as the context.
        """
        # Safe: the caller keeps the memory.
        view = memoryview((ctypes.c_ubyte * length).from_address(address)).cast("B")
        self._set_buffer(holder, view)

    def detach(self, holder: Any) -> None:
        """Takes the memory away from the buffer that `share` made."""
        self._detach(holder)


def _thrown(text: str) -> str:
    """What was thrown: where it was, and perhaps the line, comes before it."""
    found = re.search(r"^\w*Error: .*", text, re.MULTILINE | re.DOTALL)
    return found.group() if found else text.partition("\n")[2] or text
