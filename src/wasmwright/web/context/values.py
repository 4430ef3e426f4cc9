"""What Python sees of JavaScript: objects, functions, errors, and ``undefined``."""

from __future__ import annotations

from typing import Any, Final, Protocol


class Link(Protocol):
    """What objects of JavaScript ask: their context's bridge."""

    def call(self, number: int, args: tuple[Any, ...]) -> Any:
        """Call the function of this number."""

    def text(self, number: int) -> str:
        """What the object of this number says that it is."""


class Undefined:
    """The type of ``UNDEFINED``, JavaScript's ``undefined``; false, as it is there."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED: Final = Undefined()


class JavaScriptObject:
    """An object of JavaScript that Python holds and gives back; the same one for the same object."""

    __slots__ = ("bridge", "number")

    def __init__(self, bridge: Link, number: int) -> None:
        self.bridge = bridge
        self.number = number

    def __repr__(self) -> str:
        return f"<JavaScript {self.bridge.text(self.number)}>"


class JavaScriptFunction(JavaScriptObject):
    """A function of JavaScript: call it with Python values."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        """Calls it; raises JavaScriptError for what it throws."""
        return self.bridge.call(self.number, args)


class JavaScriptError(Exception):
    """JavaScript threw something: an error's ``name``, ``message`` and ``stack``; ``value`` is it."""

    def __init__(self, name: str, message: str, stack: str, value: Any, encoded: Any) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message
        self.stack = stack
        self.value = value
        self.encoded = encoded
