"""Memories: the buffer, growing, bounds, lifetime, and what happens without guard pages."""

import copy
import gc
import pickle

import numpy
import pytest

import wasmwright as ww
from wasmwright.runtime.memory import Memory

PAGE = 65536

ACCESS = """(module
  (memory (export "memory") 1 3)
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "far") (param i32) (result i32) (i32.load offset=0xffffffff (local.get 0)))
  (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "size") (result i32) (memory.size)))"""


@pytest.fixture(params=[None, False], ids=["guarded", "checked"])
def access(request, instantiate):
    return instantiate(ACCESS, guard=request.param).exports


def test_indices_read_and_write_single_bytes():
    memory = Memory(1)
    memory[0] = 255
    memory[-1] = 7
    assert memory[0] == 255
    assert memory[PAGE - 1] == 7
    assert memory[numpy.int64(0)] == 255
    assert memory[True] == 0
    assert len(memory) == PAGE


def test_slices_read_and_write_bytes():
    memory = Memory(1)
    memory[4:8] = b"spam"
    memory[8:10] = bytearray(b"!!")
    assert memory[2:11] == b"\0\0spam!!\0"
    assert memory[-PAGE:6] == b"\0\0\0\0sp"
    assert memory[7:3:-1] == b"maps"
    assert memory[100:50] == b""


@pytest.mark.parametrize("index", [PAGE, -PAGE - 1, 1 << 40, 1 << 80])
def test_an_index_outside_is_an_index_error(index):
    memory = Memory(1)
    with pytest.raises(IndexError):
        memory[index]
    with pytest.raises(IndexError):
        memory[index] = 1


def test_writing_needs_bytes_of_the_right_number():
    memory = Memory(1)
    with pytest.raises(ValueError, match="structure"):
        memory[0:4] = b"12345"
    with pytest.raises(ValueError, match="structure"):
        memory[PAGE - 2 :] = b"1234"
    with pytest.raises((TypeError, ValueError)):
        memory[0] = 256
    with pytest.raises(TypeError):
        memory[0] = "a"
    with pytest.raises(TypeError):
        memory["a"]


def test_read_and_write_check_their_bounds():
    memory = Memory(1)
    memory.write(PAGE - 4, b"ends")
    assert memory.read(PAGE - 4, 4) == b"ends"
    assert memory.read(PAGE, 0) == b""
    for address, size in ((PAGE - 3, 4), (-1, 1), (0, -1), (0, PAGE + 1), (1 << 64, 1)):
        with pytest.raises(IndexError):
            memory.read(address, size)
    with pytest.raises(IndexError):
        memory.write(PAGE - 3, b"ends")
    with pytest.raises(IndexError):
        memory.write(-1, b"x")


def test_an_empty_memory_is_an_empty_buffer():
    memory = Memory(0)
    assert bytes(memory) == b""
    assert memory[:] == b""
    with pytest.raises(IndexError):
        memory[0]
    assert memory.grow(1) == 0
    assert memory[0] == 0


def test_numpy_and_memoryview_see_the_memory_without_a_copy(access):
    view = memoryview(access.memory)
    array = numpy.frombuffer(access.memory, dtype="<i4")
    assert (view.format, view.itemsize, view.nbytes, view.readonly) == ("B", 1, PAGE, False)
    access.store(8, -5)
    assert array[2] == -5
    array[3] = 77
    assert access.load(12) == 77
    assert view[12] == 77


def test_views_stay_valid_when_the_memory_grows(access):
    array = numpy.frombuffer(access.memory, dtype="u1")
    assert access.grow(1) == 1
    assert access.memory.grow(1) == 2
    array[5] = 9
    assert access.load(5) == 9
    assert len(array) == PAGE
    assert len(memoryview(access.memory)) == 3 * PAGE


def test_a_view_keeps_the_memory_when_everything_else_is_gone(instantiate):
    view = memoryview(instantiate(ACCESS).exports.memory)
    gc.collect()
    view[0] = 3
    assert view[0] == 3
    array = numpy.frombuffer(Memory(1), dtype="u1")
    gc.collect()
    assert array.sum() == 0


def test_memory_grows_to_its_maximum_and_no_further(access):
    assert access.grow(0) == 1
    assert access.grow(3) == -1
    assert access.grow(-1) == -1
    assert access.grow(2) == 1
    assert access.grow(1) == -1
    assert access.size() == 3
    with pytest.raises(MemoryError, match="cannot grow by 1"):
        access.memory.grow(1)
    with pytest.raises(MemoryError):
        access.memory.grow(-1)
    assert access.load(3 * PAGE - 4) == 0


@pytest.mark.parametrize("address", [PAGE, PAGE - 3, 1 << 20, (1 << 31) - 1, -4, -1])
def test_an_access_outside_traps(access, address):
    for _ in range(2):
        with pytest.raises(ww.Trap, match=r"^out of bounds memory access"):
            access.load(address)
        with pytest.raises(ww.Trap, match=r"^out of bounds memory access"):
            access.store(address, 1)
        with pytest.raises(ww.Trap, match=r"^out of bounds memory access"):
            access.far(address)
    assert access.load(PAGE - 4) == 0


def test_a_bulk_access_outside_traps_and_writes_nothing(access):
    with pytest.raises(ww.Trap, match=r"^out of bounds memory access"):
        access.fill(PAGE - 4, 5)
    with pytest.raises(ww.Trap, match=r"^out of bounds memory access"):
        access.fill(0, -1)
    assert access.load(PAGE - 4) == 0
    access.fill(PAGE, 0)


def test_a_trap_ends_where_the_memory_does_after_growing(access):
    with pytest.raises(ww.Trap):
        access.load(PAGE)
    access.grow(1)
    assert access.load(PAGE) == 0
    with pytest.raises(ww.Trap):
        access.load(2 * PAGE - 3)


@pytest.mark.parametrize("limits", [(-1,), (2, 1), (0, -1)])
def test_limits_that_make_no_sense_are_a_value_error(limits):
    with pytest.raises(ValueError, match="maximum"):
        Memory(*limits)


def test_more_than_four_gigabytes_are_a_memory_error():
    with pytest.raises(MemoryError):
        Memory(65537)
    memory = Memory(0, 1 << 40)
    with pytest.raises(MemoryError):
        memory.grow(65537)


@pytest.mark.parametrize("mode", [None, False])
def test_two_instances_see_one_memory(instantiate, mode):
    text = """(module (import "a" "m" (memory 1 3))
      (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "grow") (result i32) (memory.grow (i32.const 1)))
      (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1))))"""
    memory = Memory(1, 3, guard=mode)
    first, second = (instantiate(text, {"a": {"m": memory}}).exports for _ in range(2))
    first.store(4, 44)
    assert second.load(4) == memory[4] == 44
    with pytest.raises(ww.Trap):
        second.load(PAGE)
    assert first.grow() == 1
    second.store(PAGE, 5)
    assert first.load(PAGE) == memory[PAGE] == 5


def test_a_memory_without_guard_pages_is_checked_even_by_a_module_that_would_use_them(instantiate):
    text = """(module (import "a" "m" (memory 1)) (memory $own (export "own") 1)
      (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "load_own") (param i32) (result i32) (i32.load $own (local.get 0))))"""
    exports = instantiate(text, {"a": {"m": Memory(1, guard=False)}}).exports
    for address in (PAGE, 1 << 28, 1 << 31, -4):
        with pytest.raises(ww.Trap):
            exports.load(address)
        with pytest.raises(ww.Trap):
            exports.load_own(address)


def test_memories_can_be_neither_copied_nor_pickled():
    for make in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            make(Memory(1))


def _maps():
    with open("/proc/self/maps") as file:
        return len(file.readlines())


def test_a_thousand_memories_are_alive_at_once_and_go_again():
    before = _maps()
    memories = [Memory(1) for _ in range(1000)]
    for number, memory in enumerate(memories):
        memory[number] = number % 251
    assert all(memory[number] == number % 251 for number, memory in enumerate(memories))
    del memories, memory
    gc.collect()
    assert _maps() < before + 20


LIMITED = """
    import resource
    warm = ww.Instance(small)
    warm.exports.load(0), warm.exports.grow(0)
    checked = ww.Instance(ww.Module(small.model.data, guard=False))
    checked.exports.load(0), checked.exports.grow(0)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), used + (1 << 30)))
    instance = ww.Instance(small)
    memory = instance.exports.memory
    print(memory.guarded, instance.exports.load(65532), instance.exports.grow(1))
    for address in (1 << 17, 1 << 28, 1 << 30, 3 << 30, (1 << 32) - 4):
        try:
            instance.exports.load(address)
        except ww.Trap as trap:
            print(trap.kind)
    alive = []
    try:
        for _ in range(100):
            alive.append(ww.Memory(1 << 10))
    except MemoryError:
        print("full")
    try:
        ww.Instance(ww.Module(large.model.data))
    except ww.LinkError as error:
        print(error)
"""


def test_a_host_without_address_space_has_memories_with_explicit_checks(script):
    done = script(
        LIMITED,
        small=ACCESS.replace("1 3", "1"),
        large='(module (memory (export "memory") 65536))',
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0] == "False 0 1"
    assert lines[1:6] == ["out of bounds memory access"] * 5
    assert lines[6] == "full"
    assert lines[7].startswith("out of resources")
