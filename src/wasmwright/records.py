"""Immutable values with named fields: frozen dataclasses, for less.

To make a dataclass takes half a millisecond, since Python compiles its methods, and to import
``dataclasses`` takes five. The records that each start makes would together be a quarter of it.
``dataclasses.fields``, ``replace`` and ``asdict`` take records as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self, dataclass_transform

if TYPE_CHECKING:
    from inspect import Signature


@dataclass_transform(frozen_default=True)
class _RecordType(type):
    """Makes a class of annotated names and defaults."""

    _fields: tuple[str, ...]
    _defaults: dict[str, object]

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _RecordType:
        fields = tuple(namespace.get("__annotations__", ()))
        namespace["_defaults"] = {each: namespace.pop(each) for each in fields if each in namespace}
        namespace["_fields"] = namespace["__match_args__"] = fields
        namespace["__slots__"] = (*fields, *namespace.get("__slots__", ()))
        return type.__new__(cls, name, bases, namespace)

    @property
    def __signature__(cls) -> Signature:
        import inspect

        if "__init__" in cls.__dict__:
            signature = inspect.signature(cls.__dict__["__init__"])
            return signature.replace(parameters=[*signature.parameters.values()][1:])
        empty = inspect.Parameter.empty
        return inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    default=cls._defaults.get(name, empty),
                    annotation=cls.__annotations__[name],
                )
                for name in cls._fields
            ]
        )


class _DataclassFields:
    """What the functions of ``dataclasses`` know a dataclass by, made when they ask."""

    def __get__(self, record: object, owner: _RecordType) -> dict[str, Any]:
        import dataclasses

        if owner is Record:
            raise AttributeError("__dataclass_fields__")
        made = dataclasses.make_dataclass(owner.__name__, owner._fields)
        return {each.name: each for each in dataclasses.fields(made)}


class Record(metaclass=_RecordType):
    """The base of all records: ``class Point(Record)`` with annotated fields, as in a dataclass.

    Defaults have to be immutable; what ``__slots__`` names beside the fields is not part of the
    value. Records are equal to those of the same class with equal fields.
    """

    def __init__(self, *args: object, **named: object) -> None:
        fields = type(self)._fields
        if len(args) == len(fields) and not named:
            for name, value in zip(fields, args, strict=True):
                _set(self, name, value)
        else:
            self._fill(fields, args, named)

    def _fill(
        self, fields: tuple[str, ...], args: tuple[object, ...], named: dict[str, object]
    ) -> None:
        cls = type(self)
        if len(args) > len(fields):
            raise TypeError(f"{cls.__name__}() takes {len(fields)} arguments, not {len(args)}")
        values = dict(zip(fields, args, strict=False))
        for name, value in named.items():
            if name not in fields:
                raise TypeError(f"{cls.__name__}() has no argument {name!r}")
            if name in values:
                raise TypeError(f"{cls.__name__}() got {name!r} twice")
            values[name] = value
        for name in fields:
            if name in values:
                _set(self, name, values[name])
            elif name in cls._defaults:
                _set(self, name, cls._defaults[name])
            else:
                raise TypeError(f"{cls.__name__}() needs {name!r}")

    def _values(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in type(self)._fields])

    def __replace__(self, **changes: Any) -> Self:
        values = dict(zip(type(self)._fields, self._values(), strict=True))
        return type(self)(**{**values, **changes})

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"cannot assign to {name!r}: a {type(self).__name__} does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"cannot delete {name!r}: a {type(self).__name__} does not change")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        assert isinstance(other, Record)
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        fields = zip(type(self)._fields, self._values(), strict=True)
        return (
            f"{type(self).__name__}({', '.join([f'{name}={value!r}' for name, value in fields])})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._values()


_set = object.__setattr__
# Not in the body of the class, where a type checker would take it for a field.
type.__setattr__(Record, "__dataclass_fields__", _DataclassFields())
