"""Our assembler and wasm-tools' give the same bytes for the suite's modules.

The peer is `wasmtime.wat2wasm`, which is that assembler; without the package the test is skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wasmwright.features import DEFAULT
from wasmwright.script.syntax import AssertModule, ModuleSource, parse_script
from wasmwright.text.stream import Stream

wasmtime = pytest.importorskip("wasmtime")

ROOT = Path(__file__).parents[2]
SUITE = Path(os.environ.get("WASM_TESTSUITE") or ROOT.parent / "shared/testsuite")
SCRIPTS = sorted(path.relative_to(SUITE).as_posix() for path in SUITE.rglob("*.wast"))

# Where a file's bytes differ, and why that is as it should be.
DIFFERENT = {
    # It writes the names of parameters in type definitions as subsection 12 of the name section,
    # which the specification does not have.
    "core/annotations.wast": {154},
    "core/block.wast": {3},
    "core/func.wast": {3},
    "core/if.wast": {3},
    "core/loop.wast": {3},
    "core/type.wast": {3},
    # It encodes `(rec (type …))` with the group's opcode, which the shortest encoding leaves out,
    # and does not use such a type for abbreviations, but uses one that is not final.
    "core/gc/type-subtyping.wast": {37, 43, 283, 344, 373, 540, 551, 564, 574, 584},
    "core/type-equivalence.wast": {5, 30, 89, 136, 200, 233, 238},
    "core/type-rec.wast": {3, 28, 45, 156, 185, 197},
    # It writes no data count for an instruction in a global's initializer, which is invalid there.
    "core/gc/array.wast": {302},
    # It encodes a page size that is written but is the default.
    "proposals/custom-page-sizes/custom-page-sizes-invalid.wast": {97, 103},
    "proposals/custom-page-sizes/custom-page-sizes.wast": {3, 7, 46, 60, 96, 106, 133},
    "proposals/custom-page-sizes/memory_max.wast": {12, 17, 29},
    "proposals/custom-page-sizes/memory_max_i64.wast": {13, 18, 32},
}


def module_text(source: ModuleSource) -> str | None:
    """The text of a module in a script, or None where it has none of its own."""
    if source.form == "quote":
        return source.content.decode()
    if source.form != "text":
        return None
    stream = Stream(source.source, source.token)
    depth = 1
    while depth:
        depth += (stream.text(stream.pos) == b"(") - (stream.text(stream.pos) == b")")
        stream.pos += 1
    first, last = source.source.ends[source.token - 1], source.source.ends[stream.pos - 1]
    return "(module" + stream.data[first:last].decode()


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_bytes_are_those_of_the_peer(script: str) -> None:
    if script.startswith("proposals/custom-descriptors/"):
        pytest.skip("custom descriptors are not implemented")
    different = set()
    for command in parse_script((SUITE / script).read_bytes()):
        source = getattr(command, "module", None)
        if not isinstance(source, ModuleSource):
            continue
        if isinstance(command, AssertModule) and command.outcome not in ("invalid", "unlinkable"):
            continue
        text = module_text(source)
        if text is None:
            continue
        try:
            theirs = wasmtime.wat2wasm(text)
        except wasmtime.WasmtimeError:
            continue  # it lacks the legacy exceptions, and validates
        if source.binary(DEFAULT) != bytes(theirs):
            different.add(command.line)
    assert different == DIFFERENT.get(script, set()), sorted(different)
