from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmwright.binary.decode import decode
from wasmwright.binary.names import FUNC_NAMES, Names, decode_names, encode_names
from wasmwright.model.module import Custom, Module


def module_with(payload: bytes) -> Module:
    return Module(data=payload, customs=(Custom("name", 0, len(payload), 0),))


def names_of(text: str) -> Names:
    return decode_names(module_with(bytes.fromhex(text)))


def test_all_subsections() -> None:
    names = names_of(
        "00 02 016d  01 07 02 00 0161 02 0162  02 06 01 02 01 00 0178  03 06 01 02 01 00 016c"
        "04 04 01 00 0174  05 04 01 01 0174  06 04 01 02 016d  07 04 01 03 0167  08 04 01 04 0165"
        "09 04 01 05 0164  0a 06 01 00 01 01 0166  0b 04 01 06 0165"
    )
    assert names == Names(
        module="m",
        funcs={0: "a", 2: "b"},
        locals={2: {0: "x"}},
        labels={2: {0: "l"}},
        types={0: "t"},
        tables={1: "t"},
        memories={2: "m"},
        globals={3: "g"},
        elems={4: "e"},
        datas={5: "d"},
        fields={0: {1: "f"}},
        tags={6: "e"},
    )


def test_a_module_without_names() -> None:
    assert decode_names(Module(b"")) == Names()


def test_only_one_subsection_may_be_asked_for() -> None:
    payload = bytes.fromhex("00 02 016d 01 04 01 00 0161 02 06 01 00 01 00 0178")
    assert decode_names(module_with(payload), FUNC_NAMES) == Names(funcs={0: "a"})


def test_unknown_subsections_are_stepped_over() -> None:
    assert names_of("7f 02 ffff 01 04 01 00 0161") == Names(funcs={0: "a"})


@pytest.mark.parametrize(
    ("rest", "note"),
    [
        ("02", "unexpected end"),
        ("02 05 00", "length out of bounds"),
        ("02 02 05 00", "length out of bounds"),
        ("02 05 01 00 01 00 05", "length out of bounds"),
        ("04 04 01 00 01ff", "malformed UTF-8 encoding"),
        ("04 05 01 00 0161 00", "section size mismatch"),
        ("04 02 8080", "unexpected end"),
        ("04 06 ffffffff0f 00", "length out of bounds"),
    ],
)
def test_a_broken_section_is_read_up_to_the_break(rest: str, note: str) -> None:
    names = names_of("01 04 01 00 0161" + rest)
    assert names.funcs == {0: "a"}
    assert names.note is not None
    assert names.note.startswith(note)
    assert names.note.endswith("the names from there on are ignored")


def test_a_broken_name_section_leaves_the_module_well_formed() -> None:
    data = b"\0asm\1\0\0\0" + b"\0\x08\x04name\xff\xff\xff"
    module = decode(data)
    assert decode_names(module).note is not None


name_maps = st.dictionaries(st.integers(0, 2**32 - 1), st.text(max_size=8), max_size=4)
indirect_maps = st.dictionaries(st.integers(0, 2**32 - 1), name_maps, max_size=3)


@given(
    st.builds(
        Names,
        module=st.none() | st.text(max_size=8),
        funcs=name_maps,
        locals=indirect_maps,
        labels=indirect_maps,
        types=name_maps,
        tables=name_maps,
        memories=name_maps,
        globals=name_maps,
        elems=name_maps,
        datas=name_maps,
        fields=indirect_maps,
        tags=name_maps,
    )
)
def test_names_come_back(names: Names) -> None:
    assert decode_names(module_with(encode_names(names))) == names


@given(st.binary(max_size=200))
def test_no_payload_raises(payload: bytes) -> None:
    decode_names(module_with(payload))


def test_name_sections_of_samples_are_whole(sample: Path) -> None:
    names = decode_names(decode(sample.read_bytes()))
    assert names.note is None
    assert decode_names(module_with(encode_names(names))) == names
