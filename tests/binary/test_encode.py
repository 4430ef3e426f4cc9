from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest

from wasmwright.binary.decode import decode
from wasmwright.binary.encode import encode
from wasmwright.model.module import Custom, Export, Module, Section
from wasmwright.model.parts import Code, Data, Expr

HEADER = b"\0asm\1\0\0\0"


def meaning(module: Module, value: object) -> object:
    """A part of a module with the bytes that it speaks of instead of their place."""
    if isinstance(value, Module):
        return [
            meaning(module, getattr(value, field.name))
            for field in fields(value)
            if field.name not in ("data", "sections")
        ]
    if isinstance(value, tuple):
        return [meaning(module, item) for item in value]
    if isinstance(value, Code):
        return [module.data[value.start : value.end], value.locals]
    if isinstance(value, Expr):
        return module.data[value.start : value.end]
    if isinstance(value, Data):
        return [
            module.data[value.start : value.end],
            value.flags,
            value.mode,
            value.memory,
            meaning(module, value.offset),
        ]
    if isinstance(value, Custom):
        content: object = module.data[value.start : value.end]
        other = [
            meaning(module, getattr(value, field.name))
            for field in fields(value)
            if field.name not in ("start", "end")
        ]
        return [content, *other]
    if is_dataclass(value):
        return [meaning(module, getattr(value, field.name)) for field in fields(value)]
    return value


def test_a_canonical_module_comes_back_byte_for_byte(everything: bytes) -> None:
    assert encode(decode(everything)) == everything


def test_samples_come_back(sample: Path) -> None:
    data = sample.read_bytes()
    module = decode(data)
    again = encode(module)
    if again != data:  # not in the shortest encoding
        assert len(again) < len(data)
        decoded = decode(again)
        assert meaning(decoded, decoded) == meaning(module, module)
        assert encode(decoded) == again


@pytest.mark.parametrize(
    ("content", "shortest"),
    [
        ("01 84808000 01 600000", "01 04 01 600000"),  # a size
        ("01 05 8100 600000", "01 04 01 600000"),  # a count
        ("01 06 01 4e01 600000", "01 04 01 600000"),  # a group of one
        ("01 06 01 4f00 600000", "01 04 01 600000"),  # a final type without supertypes
        ("01 06 01 60 016370 00", "01 05 01 60 0170 00"),  # a reference type
        ("01 07 01 60 0164f000 00", "01 07 01 60 0164f000 00"),  # 0x70 needs two bytes here
        ("04 05 01 70 00 8000", "04 04 01 70 0000"),  # a limit
        ("05 05 01 08 8000 10", "05 03 01 0000"),  # the page size that all have
    ],
)
def test_other_encodings_are_shortened(content: str, shortest: str) -> None:
    module = decode(HEADER + bytes.fromhex(content))
    again = encode(module)
    assert again == HEADER + bytes.fromhex(shortest)
    decoded = decode(again)
    assert meaning(decoded, decoded) == meaning(module, module)


def test_empty_sections_stay_where_they_stood() -> None:
    data = HEADER + b"".join(
        bytes((section, 1, 0)) for section in (1, 2, 3, 4, 5, 13, 6, 7, 9, 12, 10, 11)
    )
    assert encode(decode(data)) == data


def test_what_a_section_list_says_of_start_and_data_count_does_not_bring_them_back() -> None:
    data = HEADER + bytes.fromhex("01 04 01600000 03 02 0100 08 01 00 0c 01 00 0a 04 01 02 00 0b")
    module = replace(decode(data), start=None, data_count=None)
    again = decode(encode(module))
    assert (again.start, again.data_count) == (None, None)


def test_a_module_that_was_never_bytes() -> None:
    code = Code((), 0, 1, 0)
    module = Module(
        data=b"\x0bpayload",
        types=decode(HEADER + bytes.fromhex("01 04 01 600000")).types,
        groups=((0, 1),),
        funcs=(0,),
        codes=(code,),
        exports=(Export("run", 0, 0),),
        customs=(Custom("note", 1, 8, 10),),
    )
    again = decode(encode(module))
    assert meaning(again, replace(again, all_funcs=())) == meaning(module, module)
    assert [section.id for section in again.sections] == [1, 3, 7, 10, 0]
    assert again.sections[0] == Section(1, 10, 14)
