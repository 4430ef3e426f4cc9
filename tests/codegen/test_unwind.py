"""What LLVM writes about frames, read back from loaded objects."""

import ctypes
import struct

import pytest

from wasmwright.codegen import arch, cpu, unwind, vm
from wasmwright.codegen.llvm.compiler import compile_ir
from wasmwright.codegen.objects import Arena, LoadedObject, load
from wasmwright.codegen.unwind import ObjectFrames, UnwindError

# What is read back is x86-64's, but for the last test.
pytestmark = pytest.mark.skipif(cpu.machine() != "x86_64", reason="these frames are x86-64's")

_ARENA = Arena(1 << 24)

HEAD = """
declare void @__gxx_personality_v0()
declare i64 @callee(i64)
declare i64 @wide(i64, i64, i64, i64, i64, i64, i64, i64, i64)
declare void @llvm.experimental.stackmap(i64, i32, ...)
attributes #0 = { uwtable(sync) "frame-pointer"="all" "no-realign-stack" }
"""

PLAIN = """
define i64 @f(i64 %a, i64 %b) #0 {
  %x = call i64 @callee(i64 %b)
  %y = add i64 %x, %a
  %z = call i64 @callee(i64 %y)
  %w = mul i64 %z, %x
  ret i64 %w
}
"""

CATCHING = """
define i64 @f(i64 %a) #0 personality ptr @__gxx_personality_v0 {
  %room = alloca [100 x i64]
  %address = ptrtoint ptr %room to i64
  %x = call i64 @callee(i64 %address)
  %y = invoke i64 @wide(i64 %x, i64 1, i64 2, i64 3, i64 4, i64 5, i64 6, i64 7, ROOM)
    to label %on unwind label %pad
on:
  %z = add i64 %y, %a
  ret i64 %z
pad:
  %landed = landingpad { ptr, i32 } cleanup
  call void (i64, i32, ...) @llvm.experimental.stackmap(i64 0, i32 0) nounwind
  ret i64 %a
}
""".replace("ROOM", "i64 ptrtoint (ptr @callee to i64)")


def loaded(text, level=2):
    externals = {"callee": 16, "wide": 16, "__gxx_personality_v0": 0}
    return load(compile_ir(HEAD + text, level), _ARENA, externals)


def code(unit, name):
    """A function's address and its machine code."""
    address = unit.symbols[name]
    return address, ctypes.string_at(address, unit.sizes[name])


def calls(unit, name="f"):
    """The return addresses of the calls in a function (``call rel32``)."""
    address, machine = code(unit, name)
    found = []
    for at in range(len(machine) - 4):
        if machine[at] == 0xE8:
            (distance,) = struct.unpack_from("<i", machine, at + 1)
            if unit.address <= address + at + 5 + distance < unit.address + unit.size:
                found.append(address + at + 5)
    return found


def test_a_frame_is_described_at_its_calls():
    unit = loaded(PLAIN)
    frames = ObjectFrames(unit)
    first, second = calls(unit)
    for return_address in (first, second):
        site = frames.call_site(return_address)
        assert site.cfa == 16
        assert site.pad == 0
    # Two values live across calls are in two saved registers, right below the frame pointer.
    assert sorted(site.saved) == [-32, -24, 0, 0, 0]


def test_a_call_has_its_landing_pad_and_the_stack_pointer_there():
    unit = loaded(CATCHING)
    frames = ObjectFrames(unit)
    plain, caught = (frames.call_site(each) for each in calls(unit))
    assert plain.pad == 0
    address, _ = code(unit, "f")
    assert address < caught.pad < address + unit.sizes["f"]
    _, machine = code(unit, "f")
    # push rbp; mov rbp, rsp; push of each saved register; sub rsp, imm32
    at = machine.index(bytes.fromhex("4881ec"))
    (size,) = struct.unpack_from("<i", machine, at + 3)
    pushed = 8 * sum(offset != 0 for offset in caught.saved)
    assert caught.stack == -(16 + pushed + size)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_every_level_is_understood(level):
    for text in (PLAIN, CATCHING):
        unit = loaded(text, level)
        frames = ObjectFrames(unit)
        found = [frames.call_site(each) for each in calls(unit)]
        assert len(found) == 2
        assert all(site.cfa == 16 for site in found)


def test_an_address_outside_has_no_frame():
    unit = loaded(PLAIN + "define void @bare() nounwind { ret void }")
    frames = ObjectFrames(unit)
    assert frames.call_site(unit.symbols["f"]) is None
    assert frames.call_site(unit.symbols["bare"] + 1) is None
    assert frames.call_site(unit.address + unit.size + 100) is None


def test_a_frame_of_no_fixed_size_cannot_be_landed_in():
    text = CATCHING.replace("alloca [100 x i64]", "alloca i64, i64 %a")
    unit = loaded(text)
    frames = ObjectFrames(unit)
    _, caught = calls(unit)
    with pytest.raises(UnwindError, match="no fixed size"):
        frames.call_site(caught)


# Sections made by hand


def leb(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def described(instructions, augmentation=b"zR", extra=b"\x1b", data_alignment=b"\x78"):
    """An object whose one function, 100 bytes of it, has these call frame instructions."""
    base = _ARENA.allocate(vm.PAGE)
    start = base + 1000

    def record(body):
        body += bytes(-len(body) % 4)
        return struct.pack("<I", len(body)) + body

    head = b"\x01" + augmentation + b"\0\x01" + data_alignment + b"\x10"
    common = record(struct.pack("<I", 0) + head + leb(len(extra)) + extra + b"\x0c\x07\x08\x90\x01")
    at = len(common)
    place = base + at + 8
    body = struct.pack("<I", at + 4) + struct.pack("<iI", start - place, 100) + b"\0" + instructions
    section = common + record(body) + struct.pack("<I", 0)
    vm.write(base, section)
    unit = LoadedObject(_ARENA, base, vm.PAGE, {}, {}, {".eh_frame": (base, len(section))})
    return ObjectFrames(unit), start


PROLOGUE = b"\x41\x0e\x10\x86\x02\x43\x0d\x06"  # push rbp; mov rbp, rsp


def test_call_frame_instructions_are_followed():
    instructions = PROLOGUE + b"\x02\x20\x83\x03\x8f\x04\x2e\x10\x03\x00\x01\x0a\x0c\x07\x08\x0b"
    frames, start = described(instructions)
    site = frames.call_site(start + 50)
    assert (site.cfa, site.saved) == (16, (-24, 0, 0, 0, -32))
    assert frames.call_site(start + 100) is not None  # a call at the very end returns there
    assert frames.call_site(start + 101) is None


@pytest.mark.parametrize(
    "instructions",
    [
        b"",  # no frame pointer
        b"\x41\x0e\x10\x86\x02",
        PROLOGUE + b"\x0c\x06\x20",  # two different frames
        PROLOGUE + b"\x0f\x01\x00",  # an expression
    ],
)
def test_other_frames_are_errors(instructions):
    frames, start = described(instructions)
    with pytest.raises(UnwindError):
        frames.call_site(start + 50)


@pytest.mark.parametrize(
    "options",
    [
        {"augmentation": b"eh"},
        {"augmentation": b"zS", "extra": b""},
        {"extra": b"\x00"},
        {"data_alignment": b"\x7c"},
    ],
)
def test_other_tables_are_errors(options):
    with pytest.raises(UnwindError):
        described(PROLOGUE, **options)


def test_frames_of_aarch64(monkeypatch):
    aarch64 = arch.of("aarch64")
    monkeypatch.setattr(unwind, "HERE", aarch64)
    monkeypatch.setattr(unwind, "_SAVED", aarch64.SAVED_REGISTERS)
    monkeypatch.setattr(unwind, "_FP", aarch64.FRAME_POINTER)
    monkeypatch.setattr(unwind, "_SP", aarch64.STACK_POINTER)
    # After 8 bytes: def_cfa w29, 32; w30 at -24, w29 at -32, x19 at -8, d8 at -16. After 24:
    # def_cfa sp, 32. After 28: def_cfa_offset 0; w30 and w29 are the caller's.
    head = b"\x48\x0c\x1d\x20\x9e\x06\x9d\x08\x93\x02\x05\x48\x04"
    end = b"\x50\x0c\x1f\x20\x44\x0e\x00\xde\xdd"
    frames, start = described(head + end, data_alignment=b"\x7c")
    site = frames.call_site(start + 20)
    assert site.cfa == 32
    assert site.saved == (-8, *[0] * 9, -16, *[0] * 7)
    # The return address is in its register before there is a frame, and when that is given back.
    assert [frames.unframed(start + at) for at in (0, 4, 8, 20, 24, 28, 32)] == [
        0, 0, None, None, None, 0, 0
    ]  # fmt: skip
