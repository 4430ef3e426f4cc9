"""Compiling a module ahead of time, with all that running it without LLVM takes.

Reads a module's code in one memory mode; produces what ``codegen.ahead`` writes to a file, and
takes that back.
"""

from __future__ import annotations

from wasmwright import tuning
from wasmwright.codegen import abi, cpu
from wasmwright.codegen.ahead import Ahead
from wasmwright.codegen.heap_layout import HeapNeeds
from wasmwright.codegen.llvm import stub_values, stubs, targets
from wasmwright.codegen.options import Options
from wasmwright.model import types
from wasmwright.model.canon import CANON, canonicalize
from wasmwright.model.module import KIND_FUNC, Module
from wasmwright.model.types import FuncType
from wasmwright.runtime import native, native_parts
from wasmwright.runtime.code import eager_groups


def build(module: Module, guard: bool, options: Options, arch: str, cpu_name: str) -> Ahead:
    """Compiles every function for a CPU of an architecture, and the native parts if they run there.

    ``guard`` is the memory mode. Raises ValueError for an unknown CPU.
    """
    from wasmwright.codegen.llvm import lower

    target = targets.target(arch, cpu_name)
    found = Ahead(module.data, arch, cpu_name, guard, options)
    level = tuning.EAGER_LEVEL if options.level is None else options.level
    core = native.get()
    layout = abi.Layout(module)
    how = lower.Options(
        guard=guard, fuel=options.fuel, deterministic=options.deterministic, arch=arch
    )
    for group in eager_groups(module, bytes(len(module.funcs))):
        text = lower.lower_unit(module, layout, group, how)
        data = core.compile_ir(lambda text=text: text, level, target)  # type: ignore[misc]
        found.units.append((tuple(group), data))
    if arch == cpu.machine():
        found.parts[native_parts.CORE] = core.compile_ir(native_parts.core_ir, target=target)
        if _needs_collector(module):
            found.parts[native_parts.COLLECTOR] = core.compile_ir(native_parts.gc_ir, target=target)
        for keys in _signatures(module):
            if keys:
                text = stubs.stub_ir(keys)
                data = core.compile_ir(lambda text=text: text, target=target)  # type: ignore[misc]
                found.parts[native_parts.stubs_name(keys)] = data
    return found


def take(ahead: Ahead) -> None:
    """Has the native parts of a file used by whoever needs them from now on."""
    for name, data in ahead.parts.items():
        native_parts.shipped.setdefault(name, data)


def _signatures(module: Module) -> tuple[list[str], list[str]]:
    """Keys of stubs: those that imports and exports need, and those that references may need."""
    ids = canonicalize(module)

    def key(type_index: int) -> str:
        comp = CANON.comps[ids[type_index]]
        assert isinstance(comp, FuncType)
        return stub_values.signature_key(comp, CANON.kinds)

    funcs = module.all_funcs
    used = {key(index) for index in funcs[: module.imported_funcs]}
    used |= {key(funcs[each.index]) for each in module.exports if each.kind == KIND_FUNC}
    every = {key(i) for i, each in enumerate(module.types) if isinstance(each.comp, FuncType)}
    return sorted(used), sorted(every - used)


def _needs_collector(module: Module) -> bool:
    if HeapNeeds(module).heap or module.all_tags:
        return True
    held = [each.valtype for each in module.all_globals]
    held += [each.element for each in module.all_tables]
    for each in module.types:
        if isinstance(each.comp, FuncType):
            held += each.comp.params + each.comp.results
    return any(types.is_ref(each) and each != types.FUNCREF for each in held)
