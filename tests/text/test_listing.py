from pathlib import Path

import pytest

from wasmwright.binary.decode import decode
from wasmwright.binary.sections import CODE_SECTION, CUSTOM_SECTION, SECTION_ORDER
from wasmwright.text import parse
from wasmwright.text.listing import Listing
from wasmwright.text.printer import print_module

TEXT = """
(module (type $t (func (param i32) (result i32)))
  (import "a" "b" (func $b (param i64)))
  (memory 1) (data $d (i32.const 0) "text")
  (func $f (type $t) (local $x i64) (block (br 0)) (local.get 0))
  (func (export "g"))
  (@custom "note" (after code) "hello"))
"""
EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin.wasm"


@pytest.mark.parametrize("binary", [parse(TEXT), EXAMPLE.read_bytes()])
def test_the_parts_are_those_of_the_whole_text(binary):
    module = decode(binary)
    listing = Listing(module)
    items = listing.items()
    parts = []
    for section in (CUSTOM_SECTION, *SECTION_ORDER):
        if section == CODE_SECTION:
            parts += [listing.function(defined) for defined in range(len(module.codes))]
        if section in items:
            parts.append(items[section])
    whole = print_module(module, offsets=True)
    assert "\n".join(parts) == whole.partition("\n")[2].rpartition("\n")[0].rpartition("\n")[0]


def test_a_head_is_the_first_line_of_the_function_and_names_it():
    listing = Listing(decode(parse(TEXT)))
    assert listing.head(0) == listing.function(0).splitlines()[0]
    assert "(func $f (;1;) (type $t) (param i32) (result i32)" in listing.head(0)


def test_folding_changes_bodies_only():
    flat, folded = (Listing(decode(parse(TEXT)), fold=fold) for fold in (False, True))
    assert flat.items() == folded.items()
    assert flat.head(0) == folded.head(0)
    assert "br 0" in folded.function(0)
