"""What compiling needs of a module, as machine integers: made once, and used for all its units."""

from __future__ import annotations

from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64

from wasmwright.codegen.abi import (
    FUNCREF_SIZE,
    PARAM_FLOATS,
    PARAM_INTS,
    RESULT_FLOATS,
    RESULT_INTS,
    Layout,
    area_offsets,
)
from wasmwright.codegen.baseline.library import (
    FORM_ANY64,
    FORM_CHECKED,
    FORM_CHECKED_ANY,
    FORM_GUARDED,
    FORM_GUARDED_ANY,
    TYPE_F32,
    TYPE_I32,
    TYPE_NAMES,
    Family,
    Library,
    type_code,
)
from wasmwright.model.module import Module
from wasmwright.model.types import REF, FuncType

_PAGE_LOG2: Final = 16  # of the memories that can have guard pages


class Side:
    """The parameters or the results of a function type.

    ``types`` are those of operands; ``places`` offsets in the runtime block, or -1 for a register;
    ``narrow`` has a bit for each integer in a register that is an i32.
    """

    __slots__ = ("count", "in_area", "narrow", "places", "types")

    def __init__(self, valtypes: tuple[int, ...], ints: int, floats: int) -> None:
        self.count: i64 = len(valtypes)
        self.types: vec[i64] = vec[i64]([type_code(each) for each in valtypes])
        self.places: vec[i64] = vec[i64](area_offsets(valtypes, ints, floats))
        self.in_area: bool = False
        self.narrow: i64 = 0
        number: i64 = 0
        for i in range(self.count):
            if self.places[i] >= 0:
                self.in_area = True
            elif self.types[i] < TYPE_F32:
                if self.types[i] == TYPE_I32:
                    self.narrow |= 1 << number
                number += 1


EMPTY_SIDE: Final = Side((), 0, 0)


class Signature:
    """A function type."""

    __slots__ = ("params", "results")

    def __init__(self, functype: FuncType) -> None:
        self.params: Side = Side(functype.params, PARAM_INTS, PARAM_FLOATS)
        self.results: Side = Side(functype.results, RESULT_INTS, RESULT_FLOATS)


class View:
    """A module and where its instances have things, for one memory mode.

    ``guard``: 32-bit memories have guard pages; ``exact``: what the spec leaves open is as in its
    deterministic profile; ``fuel``: instructions consume fuel.
    """

    def __init__(
        self,
        library: Library,
        module: Module,
        layout: Layout,
        guard: bool,
        exact: bool,
        fuel: bool,
    ) -> None:
        self.library: Library = library
        self.module: Module = module
        self.layout: Layout = layout
        self.guard: bool = guard
        self.exact: bool = exact
        self.fuel: bool = fuel
        self.data: bytes = module.data
        self.imported_funcs: i64 = layout.imported_funcs
        self.has_memory: bool = len(module.all_memories) > 0
        self.func_types: vec[i64] = vec[i64](module.all_funcs)
        self._imports: i64 = layout.imports
        self._funcs: i64 = layout.funcs
        self._signatures: vec[Signature | None] = vec[Signature | None]([None] * len(module.types))
        self.memory_forms: vec[i64] = vec[i64]()
        self.memory_places: vec[i64] = vec[i64]()
        for memory, memtype in enumerate(module.all_memories):
            limits = memtype.limits
            form: i64 = FORM_CHECKED if memory == 0 else FORM_CHECKED_ANY
            if limits.address64:
                form = FORM_ANY64
            elif guard and limits.page_size_log2 == _PAGE_LOG2:
                form = FORM_GUARDED if memory == 0 else FORM_GUARDED_ANY
            self.memory_forms = append(self.memory_forms, form)
            self.memory_places = append(self.memory_places, i64(layout.memory(memory)))
        self.global_types: vec[i64] = vec[i64]()
        self.global_places: vec[i64] = vec[i64](layout.global_offsets)
        self.global_gets: vec[Family] = vec[Family]()
        self.global_sets: vec[Family] = vec[Family]()
        for index, globaltype in enumerate(module.all_globals):
            kind = type_code(globaltype.valtype)
            name = "externref" if globaltype.valtype & REF else TYPE_NAMES[kind]
            where = "i" if index < layout.imported_globals else "d"
            self.global_types = append(self.global_types, i64(kind))
            get, put = f"global.get.{where}.{name}", f"global.set.{where}.{name}"
            self.global_gets = append(self.global_gets, library.family(get))
            self.global_sets = append(self.global_sets, library.family(put))

    def signature(self, type_index: i64) -> Signature:
        """The function type with this index."""
        found = self._signatures[type_index]
        if found is None:
            comp = self.module.types[type_index].comp
            assert isinstance(comp, FuncType)
            found = Signature(comp)
            self._signatures[type_index] = found
        return found

    def func_place(self, index: i64) -> i64:
        """Where the context has a function's record, or of an import the pointer to it."""
        if index < self.imported_funcs:
            return self._imports + 8 * index
        return self._funcs + FUNCREF_SIZE * (index - self.imported_funcs)
