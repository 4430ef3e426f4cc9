"""Whole modules (spec: Validation > Modules)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from wasmwright import features as feature
from wasmwright.binary.code import check_body as check_encoding
from wasmwright.errors import InvalidError, MalformedError
from wasmwright.features import DEFAULT
from wasmwright.model.canon import Canon, map_valtype
from wasmwright.model.module import (
    ACTIVE,
    KIND_FUNC,
    KIND_GLOBAL,
    KIND_NAMES,
    Elem,
    Module,
)
from wasmwright.model.parts import Code
from wasmwright.model.types import GlobalType, defaultable
from wasmwright.validate.body import Body
from wasmwright.validate.constexpr import ConstChecker
from wasmwright.validate.context import COUNT_MASK, Context, unknown
from wasmwright.validate.instructions import check_body
from wasmwright.validate.rules import const_signatures, signatures
from wasmwright.validate.subtyping import matches
from wasmwright.validate.types import (
    check_externtype,
    check_types,
    check_valtype,
    func_type,
    require,
)

# Section ids of the binary format, for the offsets of errors outside of code.
_TYPES: Final = 1
_IMPORTS: Final = 2
_FUNCS: Final = 3
_TABLES: Final = 4
_MEMORIES: Final = 5
_GLOBALS: Final = 6
_EXPORTS: Final = 7
_START: Final = 8
_ELEMS: Final = 9
_DATAS: Final = 11
_TAGS: Final = 13

# The signatures for sets of features that have been asked for: of bodies, and of constants.
_SIGNATURES: Final[dict[int, tuple[vec[i64], vec[i64]]]] = {}


def validate(module: Module, features: int = DEFAULT) -> None:
    """Check a decoded module against the rules of WebAssembly with these proposals.

    Raises :class:`~wasmwright.errors.InvalidError` with the rule that is broken, the offset in the
    binary and the function it is in; :class:`~wasmwright.errors.MalformedError` where a function
    body's bytes are no instructions. Which proposals' types may be used, the decoder has seen to.
    Takes time linear in the module's size.
    """
    ModuleChecker(module, features).check()


class ModuleChecker:
    """Checks one module, section by section."""

    __slots__ = ("features", "module", "section")

    def __init__(self, module: Module, features: int) -> None:
        self.module: Module = module
        self.features: int = features
        self.section: int = _TYPES  # that which is being checked

    def check(self) -> None:
        """Check the module; errors without a place get that of their section."""
        body = self.check_head()
        self.check_codes(body, self.module.codes, self.module.imported_funcs)

    def check_head(self) -> Body:
        """Check everything but the function bodies; gives what they are checked with."""
        try:
            return self._check_head()
        except InvalidError as error:
            raise self._placed(error) from None

    def check_types(self) -> None:
        """Check the types only."""
        try:
            check_types(self.module, self.features, Canon())
        except InvalidError as error:
            raise self._placed(error) from None

    def _placed(self, error: InvalidError) -> InvalidError:
        if error.offset is not None:
            return error
        return InvalidError(error.message, self._section_offset(), error.func)

    def _section_offset(self) -> int | None:
        imports: int | None = None  # where what is not in its own section is from
        for section in self.module.sections:
            if section.id == self.section:
                return section.start
            if section.id == _IMPORTS:
                imports = section.start
        return imports

    def _check_head(self) -> Body:
        module = self.module
        canon = Canon()
        ids = check_types(module, self.features, canon)
        self._check_imports()
        self._check_definitions()
        context = Context(module, self.features, canon, ids)
        if self.features not in _SIGNATURES:
            _SIGNATURES[self.features] = (
                signatures(self.features),
                const_signatures(self.features),
            )
        body_signatures, constant_signatures = _SIGNATURES[self.features]
        constants = ConstChecker(context, constant_signatures)
        self._check_exports(context)
        self._check_tables(context, constants)
        self._check_globals(context, constants)
        self._check_elems(context, constants)
        self._check_datas(context, constants)
        self._check_start(context)
        return Body(context, body_signatures)

    # Types of imports and definitions

    def _check_imports(self) -> None:
        self.section = _IMPORTS
        for item in self.module.imports:
            check_externtype(self.module, item.desc)
            if isinstance(item.desc, GlobalType) and item.desc.mutable:
                require(self.features, feature.MUTABLE_GLOBALS, "an imported mutable global")

    def _check_definitions(self) -> None:
        module = self.module
        self.section = _FUNCS
        for index in module.funcs:
            func_type(module, index)
        self.section = _TABLES
        for table in module.tables:
            check_externtype(module, table.type)
        self._check_count(len(module.all_tables), feature.REFERENCE_TYPES, "multiple tables")
        self.section = _MEMORIES
        for memory in module.memories:
            check_externtype(module, memory)
        self._check_count(len(module.all_memories), feature.MULTI_MEMORY, "multiple memories")
        self.section = _TAGS
        for tag in module.tags:
            check_externtype(module, tag)
        self.section = _GLOBALS
        for item in module.globals:
            check_externtype(module, item.type)
        self.section = _ELEMS
        for elem in module.elems:
            check_valtype(elem.type, len(module.types))

    def _check_count(self, count: int, flag: int, message: str) -> None:
        if count > 1 and self.features & flag == 0:
            raise InvalidError(f"{message}: {feature.describe(flag)} support is not enabled")

    # Sections with indices or constant expressions

    def _check_exports(self, context: Context) -> None:
        self.section = _EXPORTS
        names: set[str] = set()
        sizes = (
            len(context.funcs),
            len(context.tables),
            len(context.memories),
            len(context.globals),
            len(context.tags),
        )
        for item in self.module.exports:
            if item.index >= sizes[item.kind]:
                what = "function" if item.kind == KIND_FUNC else KIND_NAMES[item.kind]
                raise unknown(what, item.index)
            if item.kind == KIND_FUNC:
                context.declared.add(item.index)
            elif item.kind == KIND_GLOBAL and self.module.all_globals[item.index].mutable:
                require(self.features, feature.MUTABLE_GLOBALS, "an exported mutable global")
            if item.name in names:
                raise InvalidError(f"duplicate export name {item.name!r}")
            names.add(item.name)

    def _check_tables(self, context: Context, constants: ConstChecker) -> None:
        self.section = _TABLES
        for index, table in enumerate(self.module.tables, self.module.imported_tables):
            element = context.elements[index]
            if table.init is not None:
                constants.check(table.init, element)
            elif not defaultable(element):
                raise InvalidError(
                    f"type mismatch: table {index} of {context.type_name(element)} needs an "
                    f"initializer"
                )

    def _check_globals(self, context: Context, constants: ConstChecker) -> None:
        self.section = _GLOBALS
        imported = self.module.imported_globals
        for index, item in enumerate(self.module.globals, imported):
            constants.check(item.init, map_valtype(item.type.valtype, context.ids))
            if self.features & feature.GC:
                context.visible_globals = index + 1

    def _check_elems(self, context: Context, constants: ConstChecker) -> None:
        self.section = _ELEMS
        for index, elem in enumerate(self.module.elems):
            if elem.mode == ACTIVE:
                self._check_target(context, elem, context.elems[index])
                assert elem.offset is not None
                constants.check(elem.offset, context.tables[elem.table])
            for func in elem.funcs:
                if func >= len(context.funcs):
                    raise unknown("function", func)
            context.declared.update(elem.funcs)
            for expr in elem.exprs:
                constants.check(expr, context.elems[index])

    def _check_target(self, context: Context, elem: Elem, element: int) -> None:
        if elem.table >= len(context.tables):
            raise unknown("table", elem.table)
        if not matches(context.canon, element, context.elements[elem.table]):
            raise InvalidError(
                f"type mismatch: element segment's type {context.type_name(element)} does not "
                f"match table {elem.table}'s {context.type_name(context.elements[elem.table])}"
            )

    def _check_datas(self, context: Context, constants: ConstChecker) -> None:
        self.section = _DATAS
        for data in self.module.datas:
            if data.mode == ACTIVE:
                if data.memory >= len(context.memories):
                    raise unknown("memory", data.memory)
                assert data.offset is not None
                constants.check(data.offset, context.memories[data.memory])

    def _check_start(self, context: Context) -> None:
        self.section = _START
        start = self.module.start
        if start is None:
            return
        if start >= len(context.funcs):
            raise unknown("function", start)
        index = context.funcs[start]
        if (context.params[index] | context.results[index]) & COUNT_MASK != 0:
            raise InvalidError(f"start function {start} must not have parameters or results")

    # Function bodies

    def check_codes(self, body: Body, codes: Sequence[Code], first: int) -> None:
        """Check bodies of functions; ``first`` is the index of the first of them.

        Their places are in the bytes that ``body`` reads.
        """
        context = body.context
        func = first
        for code in codes:
            index = context.funcs[func]
            try:
                body.start(
                    code.start, code.end, context.params[index], context.results[index], code.locals
                )
            except InvalidError as error:
                raise InvalidError(error.message, code.body_start, func) from None
            try:
                check_body(body, func)
            except MalformedError:
                # What the suite says of a body that does not end where it should, depends on
                # what comes after it.
                check_encoding(body.reader.data, code, self.features, func)
                raise
            func += 1
