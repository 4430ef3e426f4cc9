"""Places in the source: what a module's DWARF says of a backtrace."""

import pathlib
import pickle
import sys

import pytest

import wasmwright as ww

HERE = pathlib.Path(__file__).parent / "dwarf"
SHAPES = HERE / "shapes.wasm"


def _trap(module, name, argument):
    with pytest.raises(ww.Trap) as caught:
        ww.Instance(module).exports[name](argument)
    return caught.value


def test_a_trap_shows_the_lines_of_the_source():
    error = _trap(ww.Module(SHAPES), "zero", 0)
    lines = str(error).splitlines()
    assert lines[0] == "integer divide by zero"
    assert lines[2].endswith("$divide at shapes.c:11")
    assert lines[3].endswith("$zero at shapes.c:21")
    inner, outer = error.frames
    source = (HERE / "shapes.c").read_text().splitlines()
    assert "a / b" in source[inner.line - 1]
    assert "divide(a, half)" in source[outer.line - 1]
    assert (outer.file, outer.source) == ("shapes.c", (ww.SourceLine("shapes.c", 21, "zero"),))


@pytest.mark.parametrize("guard", [None, False])
def test_calls_that_the_compiler_inlined_are_places_of_the_same_frame(guard):
    error = _trap(ww.Module(SHAPES, guard=guard), "far", 1 << 22)
    first = error.frames[0]
    assert [(each.function, str(each)) for each in first.source] == [
        ("element", "shapes.h:2"),
        ("sum", "shapes.c:6"),
    ]
    assert str(first).endswith("$sum at shapes.h:2, inlined at shapes.c:6")
    assert (first.file, first.line) == ("shapes.h", 2)


def test_frames_with_places_can_be_pickled():
    error = _trap(ww.Module(SHAPES), "zero", 0)
    copy = pickle.loads(pickle.dumps(error))
    assert [frame.line for frame in copy.frames] == [11, 21]


def test_nothing_is_read_before_somebody_looks(script):
    result = script(
        f"""
        module = ww.Module({SHAPES.read_bytes()!r})
        func = ww.Instance(module).exports.zero
        try:
            func(0)
        except ww.Trap as error:
            assert error.kind == "integer divide by zero"
            assert "elftools" not in sys.modules
            assert error.frames[0].line == 11
            assert "elftools" in sys.modules
        """
    )
    assert result.returncode == 0, result.stderr


def test_without_pyelftools_there_are_no_places(monkeypatch):
    monkeypatch.setitem(sys.modules, "elftools", None)
    error = _trap(ww.Module(SHAPES), "zero", 0)
    assert str(error).splitlines()[2].endswith("$divide")
    assert error.frames[0].line is None


def test_places_can_be_turned_off(monkeypatch):
    monkeypatch.setenv("WASMWRIGHT_SOURCE", "off")
    assert _trap(ww.Module(SHAPES), "zero", 0).frames[0].source == ()


def test_broken_sections_mean_that_nothing_is_known():
    binary = SHAPES.read_bytes()
    for name in (b".debug_info", b".debug_line", b".debug_abbrev", b".debug_ranges"):
        start = binary.index(name) + len(name)
        for content in (bytes(30), b"\xff" * 30, binary[start + 1 : start + 31]):
            broken = binary[:start] + content + binary[start + 30 :]
            error = _trap(ww.Module(broken), "zero", 0)
            assert str(error).startswith("integer divide by zero\n  wasm backtrace:\n")
            assert [frame.name for frame in error.frames] == ["divide", "zero"]
