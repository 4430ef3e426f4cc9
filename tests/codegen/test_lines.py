"""Line tables: which instruction an address of machine code belongs to."""

import pytest

from wasmwright.binary.decode import decode
from wasmwright.codegen import abi, lines, objects
from wasmwright.codegen.llvm import compiler
from wasmwright.codegen.llvm.lower import Options, lower_unit

MODULE = """(module (memory 1)
  (func $leaf (param i32) (result i32) (i32.load (local.get 0)))
  (func $small (param i32) (result i32) (i32.mul (call $leaf (local.get 0)) (i32.const 7)))
  (func (export "run") (param i32) (result i32)
    (i32.add (call $small (local.get 0)) (i32.const 1))))"""


@pytest.fixture
def loaded(wat):
    binary = wat(MODULE)
    module = decode(binary)
    text = lower_unit(module, abi.Layout(module), [0, 1, 2], Options())
    arena = objects.Arena(1 << 20)
    return module, objects.load(compiler.compile_ir(text, 2), arena, {})


def _places(loaded, name):
    start = loaded.symbols[name] - loaded.address
    for at in range(start, start + loaded.sizes[name]):
        yield [(place.func, place.offset) for place in loaded.lines().at(at)]


def test_an_access_is_found_in_its_function_and_in_those_that_it_was_inlined_into(loaded):
    module, code = loaded
    access = module.data.index(b"\x28\x02\x00")
    calls = [
        module.data.index(bytes((0x10, func)), module.codes[func + 1].start) for func in (0, 1)
    ]
    assert [(None, access)] in _places(code, "f0")
    assert [(0, access), (None, calls[0])] in _places(code, "f1")
    assert [(0, access), (1, calls[0]), (None, calls[1])] in _places(code, "f2")


def test_what_belongs_to_no_instruction_is_told_apart(loaded):
    _, code = loaded
    start = code.symbols["f2"] - code.address
    assert code.lines().at(start)[-1].offset is None
    table = code.lines()
    unknown = [
        at
        for at in range(start, start + code.sizes["f2"])
        if table.at(at)[0].offset is None and table.at(at, near=True)[0].offset is not None
    ]
    assert unknown


def test_code_without_line_tables_has_no_places(loaded):
    nothing = lines.Lines({})
    assert [(place.func, place.offset) for place in nothing.at(5)] == [(None, None)]


@pytest.mark.parametrize("section", [".debug_line", ".debug_info", ".debug_abbrev", ".debug_addr"])
def test_a_damaged_table_is_an_error_or_tells_nothing(loaded, section):
    _, code = loaded
    sections = code.debug.relocated()
    for content in (sections[section][: len(sections[section]) // 2], b"\xff" * 40, b""):
        try:
            found = lines.Lines({**sections, section: content})
        except lines.LinesError:
            continue
        assert found.at(5)
