"""Compiling a module ahead of time, with the stubs that did not come with this package.

Reads a module's code in one memory mode; produces what ``codegen.ahead`` writes to a file, and
takes that back.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Final

from wasmwright import tuning
from wasmwright.codegen import abi, cpu
from wasmwright.codegen.ahead import Ahead
from wasmwright.codegen.llvm import stub_values, stubs, targets
from wasmwright.codegen.options import Options
from wasmwright.model.canon import CANON, canonicalize
from wasmwright.model.module import KIND_FUNC, Module
from wasmwright.model.types import FuncType
from wasmwright.runtime import native, native_parts
from wasmwright.runtime.code import eager_groups
from wasmwright.runtime.jobs import Progress, Task, job_count, no_progress, run

# What stubs count among function bodies when progress is told, in bytes.
_PART_SIZE: Final = 4096


def build(
    module: Module,
    guard: bool,
    options: Options,
    arch: str,
    cpu_name: str,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Ahead:
    """Compiles every function for a CPU of an architecture, and stubs if they run there.

    ``guard`` is the memory mode; ``jobs`` is how many threads work, one a core by default, and
    does not change what comes out. Raises ValueError for an unknown CPU.
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
    groups = list(eager_groups(module, bytes(len(module.funcs))))
    tasks: list[Task] = []
    sizes: list[int] = []
    for group in groups:

        def unit(group: list[int] = group) -> bytes:
            lowered = lower.lower(module, layout, group, how)
            return core.compile_ir(
                lambda: lowered.text, lowered.level(level), target, lowered.plain
            )

        tasks.append(unit)
        codes = [module.codes[func - module.imported_funcs] for func in group]
        sizes.append(sum(code.end - code.start for code in codes))
    parts: list[str] = []
    for name, ir in _parts(module) if arch == cpu.machine() else ():
        parts.append(name)
        tasks.append(functools.partial(core.compile_ir, ir, target=target))
        sizes.append(_PART_SIZE)
    made: list[bytes] = [b""] * len(tasks)
    done, total = 0, sum(sizes)
    report = progress or no_progress
    report(done, total)
    for number, data in run(tasks, sizes, job_count(jobs)):
        made[number] = data
        done += sizes[number]
        report(done, total)
    for group, data in zip(groups, made, strict=False):
        found.units.append((tuple(group), data))
    found.parts.update(zip(parts, made[len(groups) :], strict=True))
    return found


def _parts(module: Module) -> Iterator[tuple[str, Callable[[], str]]]:
    """The stubs that a module needs and this package lacks: their names and their IR."""
    for keys in _signatures(module):
        if keys:
            yield native_parts.stubs_name(keys), functools.partial(stubs.stub_ir, keys)


def take(ahead: Ahead) -> None:
    """Has the native parts of a file used by whoever needs them from now on."""
    for name, data in ahead.parts.items():
        native_parts.shipped.setdefault(name, data)


def _signatures(module: Module) -> tuple[list[str], list[str]]:
    """Keys of stubs that did not come with this package: those that imports and exports need, and
    those that references may need.
    """
    ids = canonicalize(module)

    def key(type_index: int) -> str:
        comp = CANON.comps[ids[type_index]]
        assert isinstance(comp, FuncType)
        return stub_values.signature_key(comp, CANON.kinds)

    funcs = module.all_funcs
    ready = native.get().stubs.prebuilt
    used = {key(index) for index in funcs[: module.imported_funcs]}
    used |= {key(funcs[each.index]) for each in module.exports if each.kind == KIND_FUNC}
    every = {key(i) for i, each in enumerate(module.types) if isinstance(each.comp, FuncType)}
    return sorted(used - ready), sorted(every - used - ready)
