"""Modules: compiled once, instantiated any number of times."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from wasmwright.api import html, types
from wasmwright.binary.decode import decode
from wasmwright.binary.preamble import is_text
from wasmwright.codegen.ahead import Ahead, is_ahead
from wasmwright.codegen.ahead import parse as parse_ahead
from wasmwright.codegen.options import DEFAULT_TIER, TIERS, Options
from wasmwright.errors import CompileError, MalformedError
from wasmwright.features import DEFAULT
from wasmwright.limits import MAX_MODULE_SIZE
from wasmwright.model import module as model
from wasmwright.records import Record

if TYPE_CHECKING:
    from wasmwright.api.instance import Instance
    from wasmwright.api.limits import Limits
    from wasmwright.api.stream import Arriving, AsyncByteStream, ByteStream
    from wasmwright.codegen.cache import Pack
    from wasmwright.runtime.code import ModuleCode
    from wasmwright.runtime.jobs import Progress
    from wasmwright.runtime.memory import Memory
    from wasmwright.runtime.snapshot import Snapshot

Source = bytes | bytearray | memoryview | str | os.PathLike[str]


class ImportType(Record):
    """One import of a module: two names, the kind (``func``, ``table``, ``memory``, ``global``,
    ``tag``) and the type.
    """

    module: str
    name: str
    kind: str
    type: types.ExternType


class ExportType(Record):
    """One export of a module: its name, kind and type."""

    name: str
    kind: str
    type: types.ExternType


def read_source(source: Source) -> bytes:
    """The binary of a module from what users pass: bytes, text, or a path to a file of either.

    A str is always text; bytes are where they begin with ``(`` or a comment.
    """
    if isinstance(source, os.PathLike):
        if os.stat(source).st_size > MAX_MODULE_SIZE:
            raise MalformedError(
                f"module too large: {os.fspath(source)} is over {MAX_MODULE_SIZE} bytes"
            )
        data = _read(source)
    elif isinstance(source, str):
        try:
            return wat2wasm(source)
        except MalformedError as error:
            if not source.lstrip().startswith(("(", ";")):
                error.add_note("(A str is text; for a file give a pathlib.Path.)")
            raise
    elif isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    else:
        raise TypeError(f"a module is bytes, str or a path, not {type(source).__name__}")
    return wat2wasm(data) if is_text(data) else data


def _read(path: os.PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def wat2wasm(text: str | bytes) -> bytes:
    """The binary of a module in the text format; MalformedError with line and column."""
    from wasmwright.text import parse

    return parse(text)


def wasm2wat(source: Source, *, fold: bool = False) -> str:
    """A module in the text format; ``fold`` puts operands into what takes them."""
    from wasmwright.text.printer import print_module

    return print_module(read_source(source), fold=fold)


def refuse_ahead(data: bytes) -> None:
    """Says of machine code that it is no module."""
    if is_ahead(data):
        raise MalformedError(
            "magic header not detected: this is machine code, compiled ahead of time, which "
            "Module.load runs if you trust who made it"
        )


class Module:
    """A validated module; immutable, picklable, and shareable between threads.

    ``source`` is a module in the binary or the text format, or a path to a file. Functions are
    compiled when they are first called, or all at once by :meth:`compile`. ``guard=False`` has
    every memory access checked by an explicit comparison instead of guard pages. ``level`` is
    LLVM's optimisation level, 0 to 3, where the default does not suit. With ``fuel=True``
    instructions consume fuel, so that how much an instance may do can be bounded the same way
    in every run (``Instance.fuel``); that costs time. With ``deterministic=True`` results that the
    spec leaves open, the bits of NaNs and those of relaxed vector instructions, are the same on
    every machine (spec: Appendix > Profiles). ``tier`` says who compiles: ``"optimised"`` is LLVM;
    ``"baseline"`` compiles some hundred times as fast, to code that takes two to three times as
    long; with ``"auto"`` functions begin with baseline code, and those that are hot go on in
    optimised code, which comes in the background. Raises MalformedError or InvalidError.
    """

    def __init__(
        self,
        source: Source,
        *,
        features: int = DEFAULT,
        guard: bool | None = None,
        level: int | None = None,
        fuel: bool = False,
        deterministic: bool = False,
        tier: str = DEFAULT_TIER,
    ) -> None:
        options = _options(features, guard, level, fuel, deterministic, tier)
        data = read_source(source)
        refuse_ahead(data)
        self._module = decode(data, features)
        self._set_up(options)
        if not self._has_code():
            _validate(self._module, features)

    def _set_up(self, options: Options) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._code: dict[bool, ModuleCode] = {}
        self._ahead: Ahead | None = None
        self._pack: Pack | None = None

    def _has_code(self) -> bool:
        """Whether the cache has code of it, which is only made of what is valid."""
        from wasmwright.runtime.code import find_pack

        self._pack = find_pack(self._module, self._options.guard is not False, self._options)
        return not self._pack.empty

    @classmethod
    def from_stream(
        cls,
        source: ByteStream,
        *,
        features: int = DEFAULT,
        guard: bool | None = None,
        level: int | None = None,
        fuel: bool = False,
        deterministic: bool = False,
        tier: str = DEFAULT_TIER,
        compile: bool = False,
        jobs: int | None = None,
        max_size: int = MAX_MODULE_SIZE,
    ) -> Self:
        """A module whose bytes are checked while they arrive, and with ``compile`` compiled, too.

        ``source`` is a binary file or anything else with ``read``, a socket, or an iterable of
        bytes; it is read to its end, and not closed. Sections before the code are decoded and
        validated before more is read, function bodies one by one, so that what is wrong with the
        beginning is known before the rest has come. ``compile=True`` compiles them meanwhile in
        ``jobs`` threads, one a core by default, and returns when all are.

        The other parameters and the errors are those of ``Module``; of several errors it is the
        first to arrive. InvalidError for more than ``max_size`` bytes. Memory is bounded by a
        few times the size of what has come.
        """
        from wasmwright.api import stream

        options = _options(features, guard, level, fuel, deterministic, tier)
        with stream.Arriving(options, compile, jobs, max_size) as arriving:
            for piece in stream.pieces(source):
                arriving.feed(piece)
            return cls._arrived(arriving)

    @classmethod
    async def from_stream_async(
        cls,
        source: AsyncByteStream,
        *,
        features: int = DEFAULT,
        guard: bool | None = None,
        level: int | None = None,
        fuel: bool = False,
        deterministic: bool = False,
        tier: str = DEFAULT_TIER,
        compile: bool = False,
        jobs: int | None = None,
        max_size: int = MAX_MODULE_SIZE,
    ) -> Self:
        """:meth:`from_stream` in asyncio, of an ``asyncio.StreamReader``, anything else whose
        ``read`` is a coroutine, or an asynchronous iterable of bytes.

        What takes longer than checking a piece runs in a thread. Cancelling it ends it.
        """
        import asyncio

        from wasmwright.api import stream

        options = _options(features, guard, level, fuel, deterministic, tier)
        with stream.Arriving(options, compile, jobs, max_size) as arriving:
            async for piece in stream.async_pieces(source):
                arriving.feed(piece)
            return await asyncio.to_thread(cls._arrived, arriving)

    @classmethod
    def _arrived(cls, arriving: Arriving) -> Self:
        self = cls.__new__(cls)
        self._module = arriving.finish()
        self._set_up(arriving.options)
        if arriving.compiles:
            arriving.give(self.code(self._options.guard is not False))
        return self

    @classmethod
    def load(cls, source: bytes | os.PathLike[str]) -> Self:
        """A module with the code that :meth:`serialize` or ``wasmwright compile`` made of it.

        ``source`` is a path or bytes. Running it needs no llvmlite. **It is machine code**: load
        it only from where you would load a shared library from. Raises CompileError where it is
        damaged, of another version of this package, or for another machine.
        """
        if isinstance(source, os.PathLike):
            data = _read(source)
        elif isinstance(source, bytes):
            data = source
        else:
            raise TypeError(f"compiled code is bytes or a path, not {type(source).__name__}")
        ahead = parse_ahead(data)
        self = cls.__new__(cls)
        options = ahead.options
        # What the file says is valid is not checked again: it is trusted with more than that.
        self._module = decode(ahead.wasm, options.features)
        self._set_up(options)
        self._take(ahead)
        return self

    def _take(self, ahead: Ahead) -> None:
        from wasmwright.runtime.ahead import take

        self._ahead = ahead
        take(ahead)

    def serialize(
        self,
        *,
        target: str | None = None,
        cpu: str | None = None,
        jobs: int | None = None,
        progress: Progress | None = None,
    ) -> bytes:
        """The module with the machine code of all its functions, for :meth:`load`.

        ``target`` is an architecture, this one by default: ``x86_64``, ``aarch64`` or ``riscv64``.
        ``cpu`` is for x86_64 a level, ``x86-64-v2`` (the default) to ``x86-64-v4``, or ``native``
        for machines like this one; for the others it is what LLVM calls it. ValueError for
        others. There are no vectors for riscv64: a module that uses them is a WasmError. ``jobs``
        and ``progress`` are as in :meth:`compile`; what comes out does not depend on them.
        """
        from wasmwright.codegen import cpu as cpus
        from wasmwright.codegen.ahead import dump
        from wasmwright.codegen.llvm.targets import architecture
        from wasmwright.runtime.ahead import build

        arch = architecture(cpus.machine() if target is None else target)
        chosen = cpus.DEFAULT[arch] if cpu is None else cpu
        guard = self._options.guard is not False
        made = build(self._module, guard, self._options, arch, chosen, jobs, progress)
        return dump(made)

    @property
    def model(self) -> model.Module:
        """The decoded module, for tools."""
        return self._module

    @property
    def name(self) -> str | None:
        """The module's name from its name section, or None."""
        from wasmwright.binary.names import decode_names

        return decode_names(self._module, 0).module

    @property
    def consumes_fuel(self) -> bool:
        """Whether its instructions consume fuel."""
        return self._options.fuel

    @property
    def tier(self) -> str:
        """Who compiles its functions."""
        return self._options.tier

    @property
    def imports(self) -> list[ImportType]:
        """What the module imports, in order."""
        return [
            ImportType(
                entry.module,
                entry.name,
                model.KIND_NAMES[entry.kind],
                types.from_model(self._module, entry.desc),
            )
            for entry in self._module.imports
        ]

    @property
    def exports(self) -> list[ExportType]:
        """What the module exports, in order."""
        spaces: tuple[tuple[model.ExternType, ...], ...] = (
            self._module.all_funcs,
            self._module.all_tables,
            self._module.all_memories,
            self._module.all_globals,
            self._module.all_tags,
        )
        return [
            ExportType(
                entry.name,
                model.KIND_NAMES[entry.kind],
                types.from_model(self._module, spaces[entry.kind][entry.index]),
            )
            for entry in self._module.exports
        ]

    def custom_sections(self, name: str) -> list[bytes]:
        """The payloads of the custom sections of this name."""
        data = self._module.data
        return [data[s.start : s.end] for s in self._module.customs if s.name == name]

    def compile(self, *, jobs: int | None = None, progress: Progress | None = None) -> None:
        """Compiles every function now instead of on its first call; with LLVM, unless the tier is
        ``"baseline"``.

        ``jobs`` is how many threads do it, one for each core by default (ValueError for less
        than one). ``progress(done, total)`` is called in this thread, at first and whenever more
        is done, in bytes of function bodies. Functions can be called meanwhile. What ends it early,
        Ctrl-C or an exception from ``progress``, leaves a module that compiles the rest on call.
        """
        self.code(self._options.guard is not False).compile_all(jobs, progress)

    def restore(
        self,
        snapshot: Snapshot,
        imports: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
        fuel: int = 0,
    ) -> Instance:
        """A new instance that begins where ``snapshot`` was taken, of an instance of this module.

        No segment is written and no start function runs. The parameters are those of ``Instance``,
        and so are the errors; a snapshot of another module is a LinkError.
        """
        from wasmwright.api.instance import Instance

        return Instance._restored(self, snapshot, imports, limits, fuel)

    def code(self, guard: bool) -> ModuleCode:
        """The code for memories with or without guard pages."""
        from wasmwright.runtime.code import ModuleCode

        with self._lock:
            found = self._code.get(guard)
            if found is None:
                ready = self._ahead
                units = ready.find() if ready is not None and ready.guard == guard else None
                pack = self._pack if guard == (self._options.guard is not False) else None
                found = ModuleCode(self._module, guard, self._options, units, pack)
                self._code[guard] = found
            return found

    def new_memories(self) -> list[Memory]:
        """Memories of the types that the module defines, for a new instance."""
        from wasmwright.runtime.memory import Memory

        return [Memory.from_type(each, self._options.guard) for each in self._module.memories]

    def code_for(self, memories: list[Memory]) -> ModuleCode:
        """The code that fits all memories of an instance and the mode asked for."""
        guard = self._options.guard is not False and all(
            memory.guarded or memory.address64 for memory in memories
        )
        return self.code(guard)

    def __copy__(self) -> Module:
        return self  # it does not change

    def __deepcopy__(self, _: object) -> Module:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        from wasmwright.codegen.ahead import dump

        ahead = None if self._ahead is None else dump(self._ahead)
        return _unpickle, (self._module.data, self._options, ahead)

    def _repr_html_(self) -> str:
        imports = [(f"{each.module}.{each.name}", str(each.type)) for each in self.imports]
        exports = [(each.name, str(each.type)) for each in self.exports]
        return html.table(f"{self!r} imports", ("name", "type"), imports) + html.table(
            "and exports", ("name", "type"), exports
        )

    def __repr__(self) -> str:
        name = f" {self.name}" if self.name else ""
        return f"<wasmwright.Module{name}: {len(self._module.data)} bytes>"


def _unpickle(data: bytes, options: Options, ahead: bytes | None) -> Module:
    if ahead is not None:
        try:
            return Module.load(ahead)
        except CompileError:  # another machine
            pass
    return Module(
        data,
        features=options.features,
        guard=options.guard,
        level=options.level,
        fuel=options.fuel,
        deterministic=options.deterministic,
        tier=options.tier,
    )


def _options(
    features: int,
    guard: bool | None,
    level: int | None,
    fuel: bool,
    deterministic: bool,
    tier: str,
) -> Options:
    if tier not in TIERS:
        raise ValueError(f"a tier is one of {', '.join(TIERS)}, not {tier!r}")
    return Options(features, guard, level, fuel, deterministic, tier)


def _validate(module: model.Module, features: int) -> None:
    from wasmwright.validate.module import validate

    validate(module, features)


def validate(source: Source, *, features: int = DEFAULT) -> bool:
    """Whether ``source`` is a valid module (``Module`` says why not)."""
    try:
        _validate(decode(read_source(source), features), features)
    except CompileError:
        return False
    return True
