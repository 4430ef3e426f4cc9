from __future__ import annotations

import pickle

import pytest

import wasmwright as ww

GROWS = """
(module (memory (export "memory") 1) (table (export "table") 2 funcref)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "more") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))
"""


def test_memories_and_tables_do_not_grow_beyond_the_limits() -> None:
    limits = ww.Limits(memory=3 * 65536 + 5, table=4)
    exports = ww.Instance(ww.Module(GROWS), limits=limits).exports
    assert exports.grow(2) == 1
    assert exports.grow(1) == -1
    assert exports.more(2) == 2
    assert exports.more(1) == -1
    with pytest.raises(MemoryError):
        exports.memory.grow(1)
    with pytest.raises(MemoryError):
        exports.table.grow(1)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (ww.Limits(memory=65535), "memory minimum size of 1 pages exceeds"),
        (ww.Limits(table=1), "table minimum size of 2 elements exceeds"),
        (ww.Limits(memories=0), "memory count of 1 exceeds"),
        (ww.Limits(tables=0), "table count of 1 exceeds"),
    ],
)
def test_a_module_that_begins_beyond_the_limits_is_refused(limits: ww.Limits, words: str) -> None:
    with pytest.raises(ww.LinkError, match=words):
        ww.Instance(ww.Module(GROWS), limits=limits)


def test_what_an_instance_imports_is_not_its_own() -> None:
    module = ww.Module(
        '(module (import "" "m" (memory 5)) (func (export "g") (result i32)'
        " (memory.grow (i32.const 1))))"
    )
    instance = ww.Instance(module, {"": {"m": ww.Memory(5)}}, limits=ww.Limits(memory=65536))
    assert instance.exports.g() == 5


def test_instances_are_counted_while_they_are_alive() -> None:
    module, limits = ww.Module('(module (func (export "f")))'), ww.Limits(instances=2)
    first, second = ww.Instance(module, limits=limits), ww.Instance(module, limits=limits)
    function = second.exports.f
    with pytest.raises(ww.LinkError, match=r"instance count exceeds limits \(2\)"):
        ww.Instance(module, limits=limits)
    second.close()
    with pytest.raises(ww.LinkError):
        module.restore(first.snapshot(), limits=limits)  # a function keeps its instance
    del function, second
    ww.Instance(module, limits=limits)
    ww.Instance(module, limits=ww.Limits(instances=2))  # has a count of its own
    again = pickle.loads(pickle.dumps(limits))
    assert again == limits
    ww.Instance(module, limits=again)


DIVE = """(module
  (import "env" "back" (func $back (param i32) (result i32)))
  (func $dive (export "dive") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $dive (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func (export "through") (param i32) (result i32)
    (i32.add (i32.const 1) (call $back (local.get 0)))))"""


def depth(exports: ww.Exports) -> int:
    """How deep it can dive, to 16."""
    low, high = 0, 1 << 22
    while high - low > 16:
        middle = (low + high) // 2
        try:
            exports.dive(middle)
            low = middle
        except ww.ExhaustionError:
            high = middle
    return low


def test_the_stack_is_bounded_from_the_call_on() -> None:
    module = ww.Module(DIVE)
    imports = {"env": {"back": lambda x: exports.through(x - 1) if x else 0}}
    small, large = (
        ww.Instance(module, imports, limits=ww.Limits(stack=size)).exports
        for size in (64 << 10, 256 << 10)
    )
    assert depth(ww.Instance(module, imports).exports) > 2 * depth(large)
    assert 3.9 < depth(large) / depth(small) < 4.1

    def deeper(levels: int) -> int:
        return sorted([levels], key=deeper_key)[0] if levels else depth(small)

    def deeper_key(levels: int) -> int:
        found.append(deeper(levels - 1))
        return 0

    found: list[int] = []
    deeper(50)  # a hundred KiB of stack in Python first
    assert abs(found[0] - depth(small)) <= 16
    # Host functions in between count.
    exports = ww.Instance(module, imports, limits=ww.Limits(stack=64 << 10)).exports
    assert exports.through(5) == 6
    with pytest.raises(ww.ExhaustionError):
        exports.through(500)


def test_linked_instances_have_the_smaller_stack() -> None:
    module = ww.Module(DIVE)
    small = ww.Instance(module, {"env": {"back": int}}, limits=ww.Limits(stack=64 << 10))
    linked = ww.Instance(module, {"env": {"back": small.exports.dive}})
    alone = ww.Instance(module, {"env": {"back": int}})
    assert abs(depth(linked.exports) - depth(small.exports)) <= 16
    assert depth(alone.exports) > 2 * depth(linked.exports)


def test_there_is_a_preset_for_code_of_unknown_origin() -> None:
    limits = ww.Limits.untrusted()
    assert limits.memory == 256 << 20
    exports = ww.Instance(ww.Module(GROWS), limits=limits).exports
    assert exports.grow(5000) == -1
    with pytest.raises(ww.LinkError):
        ww.Instance(ww.Module("(module (memory 5000))"), limits=limits)


FUEL = """
(module
  (func (export "three") (result i32) (i32.add (i32.const 1) (i32.const 2)))
  (func (export "loop") (loop (br 0)))
  (func $recurse (export "recurse") (call $recurse))
  (func (export "either") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (i32.const 1))
      (else (i32.add (i32.const 1) (i32.const 2))))))
"""


def test_fuel_is_consumed_by_what_is_executed() -> None:
    instance = ww.Instance(ww.Module(FUEL, fuel=True), fuel=100)
    assert instance.exports.three() == 3
    assert instance.fuel == 96
    assert instance.exports.either(0) == 3
    assert instance.fuel == 90
    assert instance.exports.either(1) == 1
    assert instance.fuel == 86


@pytest.mark.parametrize("name", ["loop", "recurse"])
def test_fuel_runs_out_and_can_be_topped_up(name: str) -> None:
    instance = ww.Instance(ww.Module(FUEL, fuel=True))
    for _ in range(3):
        instance.fuel = 1000
        with pytest.raises(ww.ExhaustionError, match="^all fuel consumed") as caught:
            instance.exports[name]()
        assert caught.value.frames[0].name == name
        assert instance.fuel == 0
        instance.fuel = 50
        assert instance.exports.three() == 3


def test_without_fuel_nothing_runs() -> None:
    with pytest.raises(ww.ExhaustionError, match="all fuel consumed"):
        ww.Instance(ww.Module(FUEL, fuel=True)).exports.three()
    start = "(module (func $s (loop (br 0))) (start $s))"
    with pytest.raises(ww.ExhaustionError, match="all fuel consumed"):
        ww.Instance(ww.Module(start, fuel=True), fuel=100)


def test_fuel_is_the_same_in_every_run() -> None:
    left = set()
    for guard in (None, False):
        for _ in range(3):
            instance = ww.Instance(ww.Module(FUEL, fuel=True, guard=guard), fuel=1000)
            instance.exports.either(0)
            left.add(instance.fuel)
    assert len(left) == 1


def test_linked_instances_share_their_fuel() -> None:
    first = ww.Instance(ww.Module(FUEL, fuel=True), fuel=100)
    user = ww.Module(
        '(module (import "a" "three" (func $f (result i32)))'
        ' (func (export "run") (result i32) (call $f)))',
        fuel=True,
    )
    second = ww.Instance(user, {"a": first}, fuel=10)
    assert second.fuel == first.fuel == 110
    assert second.exports.run() == 3
    assert second.fuel == first.fuel == 104


def test_modules_without_fuel_say_so() -> None:
    instance = ww.Instance(ww.Module(FUEL))
    with pytest.raises(ValueError, match="does not consume fuel"):
        _ = instance.fuel
    with pytest.raises(ValueError, match="does not consume fuel"):
        ww.Instance(ww.Module(FUEL), fuel=5)
    with pytest.raises(ValueError, match="fuel is from 0"):
        ww.Instance(ww.Module(FUEL, fuel=True)).fuel = -1


def test_options_travel_with_a_pickled_module() -> None:
    module = pickle.loads(pickle.dumps(ww.Module(FUEL, fuel=True)))
    assert module.consumes_fuel
    assert ww.Instance(module, fuel=9).exports.three() == 3


@pytest.mark.parametrize("bound", [-1, "1", 1.5])
def test_a_bound_is_a_number(bound: object) -> None:
    with pytest.raises(ValueError, match="a bound is a number, not negative"):
        ww.Limits(table=bound)  # type: ignore[arg-type]
