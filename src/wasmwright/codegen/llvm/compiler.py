"""LLVM IR text to object bytes: the target machine and the pass pipeline.

The only state is one target machine a thread and level. llvmlite calls LLVM under one lock of the
process, which would have threads compile one after another; the three calls that take time go
around it. They are safe, as each compilation has a context of its own, and what LLVM shares between
contexts it guards itself.
"""

from __future__ import annotations

import functools
import platform
import threading
from collections.abc import Callable
from ctypes import CFUNCTYPE, c_char_p, c_int, c_void_p, cast, string_at
from typing import Any, Final, NamedTuple

import llvmlite.binding as llvm
from llvmlite.binding import ffi
from llvmlite.binding.context import create_context
from llvmlite.binding.newpassmanagers import NewPassManager

from wasmwright import tuning
from wasmwright.codegen import vm
from wasmwright.codegen.llvm.targets import Target

_local: Final = threading.local()

# LLVM is set up by one thread: it ends the process where an option is set a second time.
_setting_up: Final = threading.Lock()

# What each thread that compiles now has put here.
_compiling: Final[list[None]] = []


class Aborted(RuntimeError):
    """LLVM failed an assertion of its own, or gave up. What it worked on stays as it was then."""


class Guard(NamedTuple):
    """The addresses of ``ww_guarded`` and ``ww_aborted`` (`native_guard`)."""

    guarded: int
    aborted: int


# Where LLVM aborts without one, the process ends.
_guard: Guard | None = None


def set_guard(guard: Guard) -> None:
    """Has functions that take time be called under a guard."""
    global _guard
    _guard = guard


class _Unlocked:
    """A function of llvmlite's library, without llvmlite's lock around it if it can be had so."""

    def __init__(self, name: str) -> None:
        self._name = name
        locked = getattr(ffi.lib, name)
        self._function = getattr(locked, "_cfn", locked)

    @functools.cached_property
    def _guarded(self) -> Callable[..., Any]:
        assert _guard is not None
        function = self._function
        address = cast(function, c_void_p).value
        call = CFUNCTYPE(function.restype, c_void_p, *function.argtypes)(_guard.guarded)
        aborted = CFUNCTYPE(c_int)(_guard.aborted)

        def guarded(*arguments: Any) -> Any:
            result = call(address, *arguments)
            if aborted():
                for each in arguments:
                    _abandon(each)
                raise Aborted(f"{self._name} aborted")
            return result

        return guarded

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments) if _guard is None else self._guarded(*arguments)


def _abandon(thing: object) -> None:
    """Has llvmlite not free what LLVM may have left half done."""
    if isinstance(thing, ffi.ObjectRef):
        thing.detach()


_parse: Final = _Unlocked("LLVMPY_ParseAssembly")
_run_passes: Final = _Unlocked("LLVMPY_RunNewModulePassManager")
_emit: Final = _Unlocked("LLVMPY_TargetMachineEmitToMemory")


@functools.cache
def _initialize() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    # Line tables then say where nothing is known, instead of going on with what was before.
    llvm.set_option("wasmwright", "-use-unknown-locations=Enable")
    if platform.machine() == "x86_64":
        # A conditional move from memory always loads, and that may trap. Made a branch, it would
        # not, although the load is volatile.
        llvm.set_option("wasmwright", "-x86-cmov-converter-force-mem-operand=false")


@functools.cache
def _initialize_all() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


@functools.cache
def _library() -> list[tuple[int, int]]:
    return vm.unchanged_mappings("libllvmlite")


def _drop_library() -> None:
    """Gives back the memory of LLVM's code that has run: what follows needs other parts of it.

    Of 55 MB after the import, 25; and the passes and the code generator share little. It is read
    again at 3 ms a function, which a process that is large anyway is spared, and one that compiles
    in several threads.
    """
    if len(_compiling) > 1 or vm.resident() > tuning.SMALL_PROCESS:
        return
    for address, size in _library():
        vm.drop_pages(address, size)


@functools.cache
def host_features() -> str:
    """The host CPU's features in LLVM's syntax: part of the identity of compiled code."""
    features = dict(llvm.get_host_cpu_features())
    return ",".join(f"{'+' if on else '-'}{name}" for name, on in sorted(features.items()))


@functools.cache
def host_cpu() -> str:
    """LLVM's name of the host CPU."""
    return str(llvm.get_host_cpu_name())


def _machine(level: int, target: Target | None) -> Any:
    machines: dict[tuple[int, Target | None], Any]
    machines = _local.__dict__.setdefault("machines", {})
    machine = machines.get((level, target))
    if machine is None:
        with _setting_up:
            machine = _new_machine(level, target)
        machines[level, target] = machine
    return machine


def _new_machine(level: int, target: Target | None) -> Any:
    _initialize()
    if target is None:
        found = llvm.Target.from_default_triple()
        cpu, features, abi = host_cpu(), host_features(), ""
    else:
        _initialize_all()
        found = llvm.Target.from_triple(target.triple)
        _, cpu, features, abi = target
    return found.create_target_machine(
        cpu=cpu, features=features, opt=level, reloc="pic", codemodel="small", abiname=abi
    )


def _parsed(text: str, context: Any) -> Any:
    with ffi.OutputString() as error:
        pointer = _parse(context, c_char_p(text.encode()), error)
        module = llvm.ModuleRef(pointer, context)
        if error:
            module.close()
            raise RuntimeError(f"LLVM IR parsing error\n{error}")
    return module


def _pipeline(builder: Any, plain: bool) -> Any:
    if not plain:
        return builder.getModulePassManager()
    manager = llvm.create_new_module_pass_manager()
    for name in tuning.PLAIN_PASSES:
        getattr(manager, f"add_{name}_pass")()
    return manager


def _optimized(machine: Any, text: str, level: int, plain: bool, context: Any) -> Any:
    """The parsed module after the pass pipeline."""
    module = _parsed(text, context)
    # Without the target's layout the passes would work with LLVM's default one.
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    if level:
        options = llvm.create_pipeline_tuning_options(speed_level=level)
        options.loop_vectorization = level >= 2
        options.slp_vectorization = level >= 2
        builder = llvm.create_pass_builder(machine, options)
        manager = _pipeline(builder, plain and level == tuning.PLAIN_LEVEL)
        _run_passes(manager, module, builder)
        # llvmlite 0.50 means to, but inherits a `_dispose` that does nothing: 56 KB each.
        NewPassManager._dispose(manager)
    return module


def _emitted(machine: Any, module: Any) -> bytes:
    with ffi.OutputString() as error:
        buffer = _emit(machine, module, 1, error)
        if not buffer:
            raise RuntimeError(str(error))
    try:
        return string_at(
            ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer)
        )
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


def compile_ir(
    text: str, level: int = 2, target: Target | None = None, plain: bool = False
) -> bytes:
    """Compiles IR text to a relocatable object; ``level`` is 0 to 3 as compilers count it.

    Of a text that is ``plain``, the whole pipeline gets no more than a few passes do. Without a
    target it is for this very machine. Threads may do it at the same time.
    """
    machine = _machine(level, target)
    _compiling.append(None)
    try:
        with create_context() as context:
            try:
                _drop_library()
                with _optimized(machine, text, level, plain, context) as module:
                    _drop_library()
                    return _emitted(machine, module)
            except Aborted:
                _abandon(context)
                for each in _local.__dict__.pop("machines").values():
                    _abandon(each)
                raise
    finally:
        _compiling.pop()


def optimized_ir(text: str, level: int = 2, plain: bool = False) -> str:
    """The IR after the pass pipeline, for people who look into it."""
    with create_context() as context:
        with _optimized(_machine(level, None), text, level, plain, context) as module:
            return str(module)


def assembly(text: str, level: int = 2, plain: bool = False) -> str:
    """The machine code as assembler text, for people who look into it."""
    machine = _machine(level, None)
    with create_context() as context:
        with _optimized(machine, text, level, plain, context) as module:
            return str(machine.emit_assembly(module))
