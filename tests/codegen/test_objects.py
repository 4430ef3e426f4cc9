"""The loader: what it places runs, and damaged objects are refused."""

import ctypes
import random

import pytest

from wasmwright.codegen.llvm import compiler
from wasmwright.codegen.objects import Arena, ObjectError, load

SOURCE = """
@table = internal constant [3 x i64] [i64 10, i64 20, i64 30]
@word = external global i64
declare i64 @labs(i64)
define i64 @pick(i64 %i) {
  %at = getelementptr i64, ptr @table, i64 %i
  %value = load i64, ptr %at
  ret i64 %value
}
define i64 @external(i64 %x) {
  %value = call i64 @labs(i64 %x)
  %more = load i64, ptr @word
  %sum = add i64 %value, %more
  ret i64 %sum
}
define double @constant() {
  ret double 0x400921FB54442D18
}
"""


@pytest.fixture(scope="module")
def data():
    return compiler.compile_ir(SOURCE, 1)


@pytest.fixture(scope="module")
def arena():
    return Arena(1 << 22)


@pytest.fixture(scope="module")
def symbols():
    libc = ctypes.CDLL(None)
    word = ctypes.c_int64(100)
    return {
        "labs": ctypes.cast(libc.labs, ctypes.c_void_p).value,
        "word": ctypes.addressof(word),
        "_keep": word,
    }


def test_placed_code_runs_and_reaches_its_data_and_externals(data, arena, symbols):
    loaded = load(data, arena, symbols)
    integer = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    assert integer(loaded.symbols["pick"])(1) == 20
    assert integer(loaded.symbols["external"])(-5) == 105
    assert ctypes.CFUNCTYPE(ctypes.c_double)(loaded.symbols["constant"])() == 3.141592653589793
    assert arena.start <= loaded.address < loaded.address + loaded.size <= arena.end
    assert all(loaded.sizes[name] for name in ("pick", "external", "constant"))
    loaded.close()
    loaded.close()


def test_released_space_is_used_again(data, arena, symbols):
    first = load(data, arena, symbols)
    address = first.address
    first.close()
    second = load(data, arena, symbols)
    assert second.address == address
    second.close()


def test_an_unknown_symbol_is_named(data, arena):
    with pytest.raises(ObjectError, match=r"undefined symbol (labs|word)"):
        load(data, arena, {})


def test_a_full_arena_is_a_memory_error(data, symbols):
    small = Arena(4096)
    kept = [load(data, small, symbols)]
    with pytest.raises(MemoryError, match="full"):
        kept.append(load(data, small, symbols))


@pytest.mark.parametrize("wrong", [b"", b"\x7fELF", b"\0asm\1\0\0\0", bytes(1000)])
def test_other_files_are_no_objects(arena, wrong):
    with pytest.raises(ObjectError):
        load(wrong, arena, {})


def test_a_truncated_object_is_refused(data, arena, symbols):
    for size in range(0, len(data) - 1, 3):
        with pytest.raises(ObjectError):
            load(data[:size], arena, symbols)


def test_a_damaged_object_is_refused_or_loaded_but_never_fatal(data, arena, symbols):
    choose = random.Random(7)
    tables = int.from_bytes(data[40:48], "little")
    refused = 0
    for _ in range(3000):
        damaged = bytearray(data)
        for _ in range(choose.randint(1, 4)):
            area = choose.choice(((0, 64), (tables, len(data)), (0, len(data))))
            damaged[choose.randrange(*area)] = choose.choice((0, 1, 0x7F, 0x80, 0xFF))
        try:
            load(bytes(damaged), arena, symbols).close()
        except (ObjectError, MemoryError):
            refused += 1
    assert refused > 500
