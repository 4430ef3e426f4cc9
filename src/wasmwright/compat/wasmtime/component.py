"""The component model, which this engine does not have: a name for each part that says so."""

from __future__ import annotations

from wasmwright.compat.wasmtime.errors import WasmtimeError


class _Missing:
    def __init__(self, *_args: object, **_options: object) -> None:
        raise WasmtimeError("the component model is not supported by wasmwright")

    @classmethod
    def from_file(cls, *_args: object, **_options: object) -> _Missing:
        """Not supported."""
        return cls()

    @classmethod
    def deserialize(cls, *_args: object, **_options: object) -> _Missing:
        """Not supported."""
        return cls()

    @classmethod
    def deserialize_file(cls, *_args: object, **_options: object) -> _Missing:
        """Not supported."""
        return cls()


class Component(_Missing):
    """Not supported."""


class Instance(_Missing):
    """Not supported."""


class Linker(_Missing):
    """Not supported."""


class Func(_Missing):
    """Not supported."""


class Record(_Missing):
    """Not supported."""


class Variant(_Missing):
    """Not supported."""


class ResourceType(_Missing):
    """Not supported."""
