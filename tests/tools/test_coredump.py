"""Coredumps, read back with our own decoder."""

import pytest

import wasmwright as ww
from wasmwright.binary.decode import decode
from wasmwright.binary.reader import Reader
from wasmwright.tools.coredump import coredump

PROGRAM = """(module $program
  (import "host" "call" (func $call))
  (memory (export "memory") 5 9)
  (global $a (mut i32) (i32.const 7))
  (global $b i64 (i64.const -8))
  (global $c (mut f32) (f32.const 1.5))
  (global $d f64 (f64.const -2.5))
  (global $e v128 (v128.const i32x4 1 2 3 4))
  (global $f (mut funcref) (ref.func $inner))
  (global $g (mut externref) (ref.null extern))
  (type $t (func (param i32 i64)))
  (global $h (ref null $t) (ref.null $t))
  (func $inner (param i32) (local i64 i64 f32)
    (i32.store8 (i32.const 1) (i32.const 42))
    (i32.store8 (i32.const 262143) (i32.const 43))
    (global.set $a (i32.const -9))
    (drop (i32.load (local.get 0))))
  (func $middle (param i32) (call $inner (local.get 0)))
  (func (export "run") (param i32) (call $call) (call $middle (local.get 0))))"""


def _frames(payload):
    reader = Reader(payload)
    assert reader.byte() == 0
    name = reader.name()
    frames = []
    for _ in range(reader.length()):
        assert (reader.byte(), reader.u32()) == (0, 0)
        func, offset = reader.u32(), reader.u32()
        values = [[reader.byte() for _ in range(reader.length())] for _ in range(2)]
        frames.append((func, offset, *values))
    assert reader.pos == reader.end
    return name, frames


@pytest.fixture(params=[None, False], ids=["guarded", "checked"])
def dumped(request, instantiate):
    instance = instantiate(PROGRAM, {"host": {"call": lambda: None}}, guard=request.param)
    with pytest.raises(ww.Trap) as caught:
        instance.exports.run(1 << 29)
    return instance, caught.value, coredump(caught.value, instance, "program.wasm")


def test_a_coredump_is_a_module_with_the_sections_of_the_convention(dumped):
    _, _, binary = dumped
    assert ww.validate(binary)
    module = decode(binary)
    names = [section.name for section in module.customs]
    assert names == ["core", "coremodules", "coreinstances", "corestack"]
    name = b"\x00\x0cprogram.wasm"
    assert module.custom("core") == name
    assert module.custom("coremodules") == b"\x01" + name
    memories, globals = b"\x01\x00", bytes([8, *range(8)])
    assert module.custom("coreinstances") == b"\x01\x00\x00" + memories + globals


def test_its_frames_are_those_of_the_backtrace(dumped):
    instance, error, binary = dumped
    thread, frames = _frames(decode(binary).custom("corestack"))
    assert thread == "main"
    assert [(func, offset) for func, offset, _, _ in frames] == [
        (frame.func, frame.func_offset) for frame in error.frames
    ]
    codes = instance.module.model.codes
    places = [codes[func - 1].body_start + offset for func, offset, _, _ in frames]
    assert places == [frame.offset for frame in error.frames]
    assert [locals for _, _, locals, _ in frames] == [[1] * 4, [1], [1]]
    assert all(stack == [] for _, _, _, stack in frames)


def test_its_data_are_what_the_memory_held(dumped):
    instance, _, binary = dumped
    module = decode(binary)
    (memory,) = module.all_memories
    assert (memory.limits.min, memory.limits.max) == (5, 9)
    assert len(module.datas) == 2  # what is all zero is left out
    copy = ww.Instance(ww.Module(_exporting(binary))).exports.memory
    held = instance.exports.memory
    assert bytes(memoryview(copy)) == bytes(memoryview(held))
    assert (held[1], held[262143]) == (42, 43)


def test_its_globals_have_the_values_as_constants(dumped):
    _, _, binary = dumped
    values = ww.Instance(ww.Module(_exporting(binary, 8))).exports
    assert [values[f"g{i}"].value for i in range(4)] == [-9, -8, 1.5, -2.5]
    assert values["g4"].value == bytes([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0])
    assert [values[f"g{i}"].value for i in range(5, 8)] == [None] * 3
    assert not any(values[f"g{i}"].mutable for i in range(8))


def _exporting(binary, globals=0):
    """The same with exports, to look into it."""
    entries = [b"\x06memory\x02\x00", *(bytes([2, 103, 48 + i, 3, i]) for i in range(globals))]
    content = bytes([len(entries)]) + b"".join(entries)
    at = next(section for section in decode(binary).sections if section.id == 11).start
    head = binary[:at].rindex(b"\x0b")  # its id, before its size
    assert len(content) < 128
    return binary[:head] + bytes([7, len(content)]) + content + binary[head:]


def test_memories_of_64_bits_and_high_addresses(instantiate):
    instance = instantiate(
        """(module (memory i64 1) (memory 65536)
          (func (export "run")
            (i32.store8 1 (i32.const 0xfffffff0) (i32.const 5))
            (i64.store (i64.const 8) (i64.const 6))
            unreachable))""",
        guard=False,
    )
    with pytest.raises(ww.Trap) as caught:
        instance.exports.run()
    module = decode(coredump(caught.value, instance))
    assert [memory.limits.address64 for memory in module.all_memories] == [True, False]
    first, second = module.datas
    assert (first.memory, second.memory) == (0, 1)
    assert module.data[first.start + 8] == 6
    assert module.data[second.end - 16] == 5
    assert module.data[second.offset.start : second.offset.end] == b"\x41\x80\x80\x7c\x0b"


def test_a_trap_of_the_start_function_and_of_no_wasm_at_all(instantiate):
    instance = instantiate("(module (memory 1))")
    module = decode(coredump(ValueError(), instance))
    assert _frames(module.custom("corestack")) == ("main", [])
    assert module.datas == ()
    instance.close()
    with pytest.raises(ValueError, match="closed"):
        coredump(ValueError(), instance)
