"""Backtraces: every frame with its instruction, inlined functions, and Python in between."""

import pickle
import threading
import traceback

import pytest

import wasmwright as ww
from wasmwright.binary.cursor import read_opcode
from wasmwright.binary.decode import decode
from wasmwright.binary.reader import Reader
from wasmwright.isa import slot

FAR = 1 << 28

# Accesses that machine code does as part of something else: arithmetic, a conversion, a comparison.
FOLDED = """(module $folded (memory 1)
  (func $plus (export "plus") (param i32 i32) (result i32)
    (i32.add (local.get 0) (i32.load offset=4 (local.get 1))))
  (func (export "two") (param i32 i32) (result i32)
    (i32.add (i32.load (local.get 0)) (i32.load offset=4 (local.get 1))))
  (func (export "later") (param i32 i32) (result i32)
    (i32.store (i32.const 8) (i32.const 1))
    (local.set 0 (i32.load (local.get 0)))
    (i32.store (i32.const 4) (i32.const 1))
    (i32.add (local.get 0) (local.get 1)))
  (func (export "float") (param i32 i32) (result i32)
    (i32.trunc_f64_s (f64.add (f64.load (local.get 1)) (f64.load (local.get 0)))))
  (func (export "update") (param i32 i32) (result i32)
    (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (local.get 1)))
    (local.get 0))
  (func (export "test") (param i32 i32) (result i32)
    (if (result i32) (i32.eqz (i32.and (i32.load8_u (local.get 0)) (i32.const 4)))
      (then (i32.load (local.get 1))) (else (i32.const 1))))
  (func (export "chase") (param i32 i32) (result i32)
    (i32.load16_s (i32.load (i32.add (local.get 0) (local.get 1)))))
  (func (export "wide") (param i32 i32) (result i32)
    (i32.wrap_i64 (i64.mul (i64.load (local.get 1))
      (i64.extend_i32_s (i32.load (local.get 0))))))
  (func (export "vector") (param i32 i32) (result i32)
    (i32x4.extract_lane 0 (i32x4.add (v128.load (local.get 0)) (v128.load (local.get 1)))))
  (func (export "choice") (param i32 i32) (result i32)
    (select (i32.load offset=4 (local.get 0)) (i32.const 7) (i32.lt_u (local.get 1) (i32.const 9))))
  (func (export "caller") (param i32 i32) (result i32)
    (i32.add (call $plus (i32.const 1) (local.get 0))
      (i32.mul (call $plus (i32.const 2) (local.get 1)) (i32.const 3)))))"""
FUNCTIONS = "plus two later float update test chase wide vector choice caller".split()


def _frames(error):
    return [(frame.func, frame.offset) for frame in error.frames]


def _trap(func, *arguments):
    with pytest.raises(ww.Trap) as caught:
        func(*arguments)
    return caught.value


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_fault_has_the_offset_of_the_access_and_not_of_what_it_was_made_part_of(wat, name, eager):
    places = []
    for guard in (None, False):  # explicit checks trap at an instruction of their own
        module = ww.Module(wat(FOLDED), guard=guard)
        if eager:
            module.compile()
        func = ww.Instance(module).exports[name]
        found = []
        for arguments in ((FAR, 1), (1, FAR), (FAR, FAR)):
            try:
                func(*arguments)
            except ww.Trap as error:
                found.append(_frames(error))
        places.append(found)
    assert places[0] == places[1]
    assert all(offset is not None for found in places[0] for _, offset in found)


CHAIN = """(module $chain
  (type $t (func (param i32) (result i32)))
  (table funcref (elem $leaf))
  (memory 1)
  (func $leaf (type $t) (i32.load (local.get 0)))
  (func $middle (param i32) (result i32)
    (i32.add (i32.const 1) (call_indirect (type $t) (local.get 0) (i32.const 0))))
  (func $small (param i32) (result i32) (i32.mul (call $middle (local.get 0)) (i32.const 7)))
  (func $tiny (param i32) (result i32) (i32.xor (call $small (local.get 0)) (i32.const 7)))
  (func (export "run") (param i32) (result i32)
    (i32.add (call $tiny (i32.const 0)) (call $tiny (local.get 0)))))"""


@pytest.mark.parametrize("eager", [False, True])
def test_every_frame_stands_at_a_call_also_where_functions_were_inlined(wat, eager):
    binary = wat(CHAIN)
    module = ww.Module(binary)
    if eager:
        module.compile()
    error = _trap(ww.Instance(module).exports.run, FAR)
    names = [frame.name for frame in error.frames]
    assert names == ["leaf", "middle", "small", "tiny", "run"]
    decoded = decode(binary)
    opcodes = []
    for frame in error.frames:
        code = decoded.codes[frame.func]
        assert code.start <= frame.offset < code.end
        opcodes.append(read_opcode(Reader(binary, frame.offset, code.end)))
    expected = ["i32.load", "call_indirect", "call", "call", "call"]
    assert opcodes == [slot(name) for name in expected]
    # It is the second call in `run`.
    assert error.frames[-1].offset == decoded.codes[4].end - 4


LOOP = """(module $loop (memory 1)
  (func $sum (export "sum") (param i32 i32) (result i32) (local i32)
    (loop
      (local.set 2 (i32.add (local.get 2) (i32.load (local.get 0))))
      (local.set 0 (i32.add (local.get 0) (i32.const 4)))
      (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
    (local.get 2))
  (func (export "spin") (loop (br 0))))"""


def test_a_fault_in_a_loop_that_is_written_twice_has_its_offset(wat):
    binary = wat(LOOP)
    (code, _) = decode(binary).codes
    want = binary.index(b"\x28\x02\x00", code.start)
    for count in (1, 3, 1000):
        error = _trap(ww.Instance(ww.Module(binary)).exports.sum, 65536 - 4 * (count - 1), count)
        assert _frames(error) == [(0, want)]


def test_a_loop_that_is_stopped_is_in_the_backtrace(instantiate):
    instance = instantiate(LOOP)
    with pytest.raises(ww.InterruptError) as caught, ww.deadline(0.05):
        instance.exports.spin()
    assert [frame.name for frame in caught.value.frames] == ["spin"]


def test_frames_outlive_the_module(instantiate):
    error = _trap(instantiate(CHAIN).exports.run, FAR)  # the instance is gone
    assert [frame.name for frame in error.frames][-1] == "run"
    assert f"wasm-function[0]:0x{error.frames[0].offset:x} $leaf" in str(error)


def test_a_trap_can_be_pickled(instantiate):
    error = _trap(instantiate(CHAIN).exports.run, FAR)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is ww.Trap
    assert (copy.kind, str(copy), _frames(copy)) == (error.kind, str(error), _frames(error))


# Python and wasm in turns


NESTED = """(module $nested
  (import "host" "call" (func $call (param i32) (result i32)))
  (func $inner (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then unreachable))
    (i32.add (i32.const 1) (call $call (i32.sub (local.get 0) (i32.const 1)))))
  (func $outer (export "outer") (param i32) (result i32)
    (i32.add (i32.const 1) (call $inner (local.get 0)))))"""


def _nested(instantiate, last=None):
    box = []

    def helper(depth):
        return box[0].exports.outer(depth)

    def host(depth):
        if depth == 0 and last is not None:
            raise last
        return helper(depth)

    box.append(instantiate(NESTED, {"host": {"call": host}}))
    return box[0].exports.outer


def _described(error):
    return [
        f"${entry.name}" if isinstance(entry, ww.Frame) else entry.name
        for entry in ww.backtrace(error)
    ]


def test_a_backtrace_has_wasm_and_python_in_the_order_of_the_calls(instantiate):
    error = _trap(_nested(instantiate), 2)
    wasm = ["$inner", "$outer"]
    python = ["helper", "host"]
    assert _described(error) == [*wasm, *python, *wasm, *python, *wasm, "_trap"]
    assert [frame.name for frame in error.frames] == ["inner", "outer"]
    assert len(error.__notes__) == 2
    lines = error.__notes__[1].splitlines()
    assert lines[0] == "  through Python:"
    assert lines[1].startswith("    helper at ")
    assert lines[2].startswith("    host at ")
    assert lines[3] == "  through wasm:"
    assert lines[4].startswith("    nested!wasm-function[1]:0x")
    assert lines[5].endswith("$outer")
    text = "".join(traceback.format_exception(error))
    assert text.count("through wasm:") == 2
    assert text.index("in host") < text.index("unreachable") < text.index("through wasm")


def test_an_exception_of_python_has_the_same_backtrace(instantiate):
    func = _nested(instantiate, KeyError("mine"))
    try:
        func(2)
    except KeyError as error:
        error.add_note("my own")
        assert _described(error)[:5] == ["host", "$inner", "$outer", "helper", "host"]
        assert _described(error)[5:] == [
            "$inner",
            "$outer",
            error.__traceback__.tb_frame.f_code.co_name,
        ]
        assert len(error.__notes__) == 3
        assert error.__notes__[0].startswith("  through wasm:")
        assert error.__notes__[2] == "my own"
        assert error.__notes__ == list(error.__notes__)
        assert repr(error.__notes__) == repr(list(error.__notes__))
    else:
        pytest.fail("it came out")


def test_notes_stay_whose_they_were(instantiate):
    error = ValueError()
    error.add_note("first")
    with pytest.raises(ValueError):
        _nested(instantiate, error)(1)
    assert error.__notes__[0] == "first"
    assert "through wasm" in error.__notes__[1]
    assert pickle.loads(pickle.dumps(error)).__notes__[0] == "first"


def test_a_wasm_exception_that_python_throws_says_what_it_came_through(instantiate):
    tag = ww.Tag()
    with pytest.raises(ww.WasmException) as caught:
        _nested(instantiate, ww.WasmException(tag))(2)
    described = _described(caught.value)
    assert described[:3] == ["host", "$inner", "$outer"]
    assert described.count("$outer") == 2


def test_a_backtrace_of_an_exception_without_wasm_is_pythons():
    try:
        raise KeyError
    except KeyError as error:
        (entry,) = ww.backtrace(error)
    assert entry.name == "test_a_backtrace_of_an_exception_without_wasm_is_pythons"
    assert ww.backtrace(KeyError()) == []


def test_threads_have_backtraces_of_their_own(instantiate):
    exports = instantiate(CHAIN).exports
    found = []

    def run():
        for _ in range(50):
            found.append(_frames(_trap(exports.run, FAR)))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200
    assert all(each == found[0] for each in found)
