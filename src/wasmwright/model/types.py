"""Types (spec: Structure > Types).

A value type is an ``int``, so that the hot paths compare machine words:

* number and vector types are their code in the binary format, ``I32 = 0x7F`` to ``V128 = 0x7B``;
* packed storage types likewise, ``I8 = 0x78`` and ``I16 = 0x77``;
* a reference type is ``REF | heap type``, with ``NULL`` added where it is nullable. The heap
  type is a type index, or ``ABSTRACT | code`` for the abstract ones (``FUNC = ABSTRACT | 0x70``);
* ``BOT`` (0) is the bottom type of unreachable code.

In a decoded module, type indices are the module's own. ``Canon`` maps them to numbers that
are the same for equal types in every module of the process (iso-recursive equality).
"""

from __future__ import annotations

from typing import Final

BOT: Final = 0
I32: Final = 0x7F
I64: Final = 0x7E
F32: Final = 0x7D
F64: Final = 0x7C
V128: Final = 0x7B
I8: Final = 0x78
I16: Final = 0x77

REF: Final = 1 << 40
NULL: Final = 1 << 41
ABSTRACT: Final = 1 << 39
HEAP_MASK: Final = (1 << 40) - 1

# A block type is a value type, BOT for no result, or a type index with this added.
BLOCK_INDEX: Final = 1 << 42

# Abstract heap types.
NOEXN: Final = ABSTRACT | 0x74
NOFUNC: Final = ABSTRACT | 0x73
NOEXTERN: Final = ABSTRACT | 0x72
NONE: Final = ABSTRACT | 0x71
FUNC: Final = ABSTRACT | 0x70
EXTERN: Final = ABSTRACT | 0x6F
ANY: Final = ABSTRACT | 0x6E
EQ: Final = ABSTRACT | 0x6D
I31: Final = ABSTRACT | 0x6C
STRUCT: Final = ABSTRACT | 0x6B
ARRAY: Final = ABSTRACT | 0x6A
EXN: Final = ABSTRACT | 0x69
HEAP_BOT: Final = ABSTRACT  # below every heap type, in unreachable code

FUNCREF: Final = REF | NULL | FUNC
EXTERNREF: Final = REF | NULL | EXTERN
EXNREF: Final = REF | NULL | EXN
ANYREF: Final = REF | NULL | ANY
EQREF: Final = REF | NULL | EQ
I31REF: Final = REF | NULL | I31

NUMBER_NAMES: Final[dict[int, str]] = {
    BOT: "bot",
    I32: "i32",
    I64: "i64",
    F32: "f32",
    F64: "f64",
    V128: "v128",
    I8: "i8",
    I16: "i16",
}
HEAP_NAMES: Final[dict[int, str]] = {
    NOEXN: "noexn",
    NOFUNC: "nofunc",
    NOEXTERN: "noextern",
    NONE: "none",
    FUNC: "func",
    EXTERN: "extern",
    ANY: "any",
    EQ: "eq",
    I31: "i31",
    STRUCT: "struct",
    ARRAY: "array",
    EXN: "exn",
    HEAP_BOT: "bot",
}
# The text format's one-word names of nullable abstract references.
SHORTHANDS: Final[dict[int, str]] = {
    NOEXN: "nullexnref",
    NOFUNC: "nullfuncref",
    NOEXTERN: "nullexternref",
    NONE: "nullref",
    FUNC: "funcref",
    EXTERN: "externref",
    ANY: "anyref",
    EQ: "eqref",
    I31: "i31ref",
    STRUCT: "structref",
    ARRAY: "arrayref",
    EXN: "exnref",
}


def heap_name(heap: int) -> str:
    """A heap type as text: an abstract type's name or a type index."""
    return HEAP_NAMES.get(heap) or str(heap)


def name(valtype: int) -> str:
    """A value type as the text format writes it."""
    if not valtype & REF:
        return NUMBER_NAMES[valtype]
    heap = valtype & HEAP_MASK
    if valtype & NULL:
        return SHORTHANDS.get(heap) or f"(ref null {heap_name(heap)})"
    return f"(ref {heap_name(heap)})"


def is_ref(valtype: int) -> bool:
    """Whether this is a reference type."""
    return valtype & REF != 0


def is_concrete(valtype: int) -> bool:
    """Whether this is a reference to a type that the module defines."""
    return valtype & REF != 0 and valtype & ABSTRACT == 0


def defaultable(valtype: int) -> bool:
    """Whether locals and table elements of this type have a default value."""
    return valtype & REF == 0 or valtype & NULL != 0


class _Type:
    """A type is equal to others of its kind with the same parts, and does not change.

    Written out, where `records` would do: attributes of compiled classes are read at once.
    """

    def _parts(self) -> tuple[object, ...]:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        assert isinstance(other, _Type)
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join([repr(part) for part in self._parts()])})"


class FuncType(_Type):
    """Parameter and result types of a function, block or tag."""

    def __init__(self, params: tuple[int, ...], results: tuple[int, ...]) -> None:
        self.params: Final[tuple[int, ...]] = params
        self.results: Final[tuple[int, ...]] = results

    def _parts(self) -> tuple[object, ...]:
        return self.params, self.results

    def __str__(self) -> str:
        left, right = (" ".join(map(name, side)) for side in (self.params, self.results))
        return f"[{left}] -> [{right}]"


class FieldType(_Type):
    """A struct's field or an array's element: a storage type and whether it is mutable."""

    def __init__(self, storage: int, mutable: bool) -> None:
        self.storage: Final[int] = storage
        self.mutable: Final[bool] = mutable

    def _parts(self) -> tuple[object, ...]:
        return self.storage, self.mutable

    def __str__(self) -> str:
        return f"(mut {name(self.storage)})" if self.mutable else name(self.storage)


class StructType(_Type):
    """The fields of a struct, in order."""

    def __init__(self, fields: tuple[FieldType, ...]) -> None:
        self.fields: Final[tuple[FieldType, ...]] = fields

    def _parts(self) -> tuple[object, ...]:
        return (self.fields,)

    def __str__(self) -> str:
        return "(struct" + "".join(f" (field {field})" for field in self.fields) + ")"


class ArrayType(_Type):
    """The element type of an array."""

    def __init__(self, element: FieldType) -> None:
        self.element: Final[FieldType] = element

    def _parts(self) -> tuple[object, ...]:
        return (self.element,)

    def __str__(self) -> str:
        return f"(array {self.element})"


CompType = FuncType | StructType | ArrayType


class SubType(_Type):
    """A type definition: its composite type, whether it is final and what it declares above it."""

    def __init__(self, comp: CompType, final: bool = True, supers: tuple[int, ...] = ()) -> None:
        self.comp: Final[CompType] = comp
        self.final: Final[bool] = final
        self.supers: Final[tuple[int, ...]] = supers

    def _parts(self) -> tuple[object, ...]:
        return self.comp, self.final, self.supers


class Limits(_Type):
    """The size range of a memory (in pages) or table (in entries).

    ``address64`` says that addresses are i64; ``page_size_log2`` applies to memories.
    """

    def __init__(
        self,
        min: int,
        max: int | None = None,
        address64: bool = False,
        shared: bool = False,
        page_size_log2: int = 16,
    ) -> None:
        self.min: Final[int] = min
        self.max: Final[int | None] = max
        self.address64: Final[bool] = address64
        self.shared: Final[bool] = shared
        self.page_size_log2: Final[int] = page_size_log2

    def _parts(self) -> tuple[object, ...]:
        return self.min, self.max, self.address64, self.shared, self.page_size_log2

    def __str__(self) -> str:
        text = "i64 " if self.address64 else ""
        text += str(self.min)
        if self.max is not None:
            text += f" {self.max}"
        if self.shared:
            text += " shared"
        if self.page_size_log2 != 16:
            text += f" (pagesize {1 << self.page_size_log2})"
        return text


class MemoryType(_Type):
    """A memory's limits, in pages."""

    def __init__(self, limits: Limits) -> None:
        self.limits: Final[Limits] = limits

    def _parts(self) -> tuple[object, ...]:
        return (self.limits,)

    def __str__(self) -> str:
        return str(self.limits)


class TableType(_Type):
    """A table's limits, in entries, and its element type."""

    def __init__(self, limits: Limits, element: int) -> None:
        self.limits: Final[Limits] = limits
        self.element: Final[int] = element

    def _parts(self) -> tuple[object, ...]:
        return self.limits, self.element

    def __str__(self) -> str:
        return f"{self.limits} {name(self.element)}"


class GlobalType(_Type):
    """A global's value type and whether it is mutable."""

    def __init__(self, valtype: int, mutable: bool) -> None:
        self.valtype: Final[int] = valtype
        self.mutable: Final[bool] = mutable

    def _parts(self) -> tuple[object, ...]:
        return self.valtype, self.mutable

    def __str__(self) -> str:
        return f"(mut {name(self.valtype)})" if self.mutable else name(self.valtype)


class TagType(_Type):
    """A tag's function type, by its index in the module's types."""

    def __init__(self, type_index: int) -> None:
        self.type_index: Final[int] = type_index

    def _parts(self) -> tuple[object, ...]:
        return (self.type_index,)
