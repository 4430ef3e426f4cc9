"""Python objects that wasm holds: kept alive as long as wasm can reach them, and no longer."""

import gc
import threading
import weakref

import pytest

from wasmwright import tuning

HOLDER = """(module
  (type $box (struct (field $content (mut externref)) (field $next (mut (ref null $box)))))
  (import "host" "make" (func $make (result externref)))
  (import "host" "see" (func $see (param externref)))
  (global $kept (export "kept") (mut externref) (ref.null extern))
  (global $box (mut (ref null $box)) (ref.null $box))
  (table $table (export "table") 4 externref)
  (func (export "keep") (param externref) (global.set $kept (local.get 0)))
  (func (export "box") (param externref)
    (global.set $box (struct.new $box (local.get 0) (global.get $box))))
  (func (export "unbox") (result externref)
    (struct.get $box $content (global.get $box))
    (global.set $box (struct.get $box $next (global.get $box))))
  (func (export "new_box") (param externref) (result (ref $box))
    (struct.new $box (local.get 0) (ref.null $box)))
  (func (export "pass") (param externref) (result externref) (local.get 0))
  (func (export "make") (param $count i32)
    (loop $more
      (call $see (call $make))
      (br_if $more (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
  (func (export "make_and_keep") (global.set $kept (call $make)))
  (func (export "hold_while") (param externref) (result externref)
    (call $see (ref.null extern))
    (local.get 0)))"""


class Thing:
    """Something that can be referred to weakly."""


@pytest.fixture
def holder(instantiate):
    return instantiate(HOLDER, {"host": {"make": Thing, "see": lambda thing: None}})


def test_an_object_in_a_global_stays_and_goes(holder):
    thing = Thing()
    reference = weakref.ref(thing)
    holder.exports.keep(thing)
    del thing
    holder.heap.collect()
    assert reference() is not None
    assert holder.exports.kept.value is reference()
    # The stack is scanned as it is: a word that some call left there may keep the object once more.
    for _ in range(50):
        holder.exports.keep(None)
        holder.heap.collect()
        if reference() is None:
            break
    assert reference() is None


def test_an_object_in_a_structure_goes_with_it(holder):
    things = [Thing() for _ in range(100)]
    references = [weakref.ref(thing) for thing in things]
    for thing in things:
        holder.exports.box(thing)
    del things, thing
    holder.heap.collect()
    assert all(reference() for reference in references)
    for _ in range(60):
        holder.exports.unbox()
    holder.heap.collect()
    assert sum(reference() is not None for reference in references) <= 41
    assert all(reference() for reference in references[:40])


def test_what_passes_through_does_not_pile_up(holder):
    holder.heap.stress = True  # nothing is allocated: the pins go when somebody collects
    for _ in range(1000):
        holder.exports["pass"](Thing())
    holder.heap.collect()
    assert holder.heap.pins <= 2


def test_objects_from_host_functions_are_let_go(holder):
    holder.exports.make(1000)
    holder.heap.collect()
    assert holder.heap.pins <= 2
    holder.exports.make_and_keep()
    holder.heap.collect()
    assert isinstance(holder.exports.kept.value, Thing)


def test_an_object_is_pinned_once(holder):
    thing = Thing()
    for _ in range(10):
        holder.exports.keep(thing)
        holder.exports.box(thing)
        holder.exports.table[0] = thing
    assert holder.heap.pins == 1


def test_an_argument_is_alive_as_long_as_wasm_runs(instantiate):
    seen = []

    def see(_):
        holder.heap.collect()
        seen.append(reference())

    holder = instantiate(HOLDER, {"host": {"make": Thing, "see": see}})
    arguments = [Thing()]
    reference = weakref.ref(arguments[0])
    assert holder.exports.hold_while(arguments.pop()) is seen[0]


def test_finalisers_may_use_the_instance(instantiate):
    events = []

    class Noisy:
        def __del__(self):
            holder.exports.keep("from the finaliser")
            holder.exports.box(Thing())
            events.append("gone")

    holder = instantiate(HOLDER, {"host": {"make": Noisy, "see": lambda thing: None}})
    holder.exports.box(Noisy())
    holder.exports.unbox()
    holder.heap.collect()
    assert events == ["gone"]
    assert holder.exports.kept.value == "from the finaliser"


def test_a_cycle_through_an_instance_that_is_garbage_is_found(instantiate):
    """Object -> function -> instance -> heap -> the object again."""
    thing = Thing()
    holder = instantiate(HOLDER, {"host": {"make": Thing, "see": lambda thing: None}})
    thing.function = holder.exports.keep
    holder.exports.keep(thing)
    holder.exports.table[2] = thing
    holder.exports.box(thing)
    reference = weakref.ref(thing)
    del thing, holder
    gc.collect()
    assert reference() is None


def test_a_cycle_through_a_proxy_is_found_with_its_world(instantiate):
    thing = Thing()
    holder = instantiate(HOLDER, {"host": {"make": Thing, "see": lambda thing: None}})
    thing.box = holder.exports.new_box(thing)
    reference = weakref.ref(thing)
    del thing
    gc.collect()
    holder.heap.collect()
    # As long as the world is in use, wasm's collector sees the proxy, and Python's the pin.
    assert reference() is not None
    del holder
    gc.collect()
    assert reference() is None


def test_pins_go_with_the_instance(instantiate):
    holder = instantiate(HOLDER, {"host": {"make": Thing, "see": lambda thing: None}})
    references = []
    for _ in range(10):
        thing = Thing()
        references.append(weakref.ref(thing))
        holder.exports.box(thing)
    del thing, holder
    gc.collect()
    assert not any(reference() for reference in references)


def test_python_collects_while_wasm_runs_in_a_thread(instantiate):
    """What wasm holds is not garbage to Python, whatever the heap is doing."""
    text = """(module
      (type $box (struct (field externref)))
      (global $kept (mut (ref null $box)) (ref.null $box))
      (func (export "spin") (param externref i32)
        (loop $more
          (global.set $kept (struct.new $box (local.get 0)))
          (br_if $more (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
      (func (export "kept") (result externref) (struct.get $box 0 (global.get $kept))))"""
    instance = instantiate(text)
    instance.heap.threshold = 1 << 16
    things = [Thing() for _ in range(8)]
    for thing in things:
        thing.me = thing  # only Python's collector can free it
    references = [weakref.ref(thing) for thing in things]

    def work():
        while things:
            instance.exports.spin(things.pop(), 3_000_000)

    thread = threading.Thread(target=work)
    del thing
    thread.start()
    while thread.is_alive():
        gc.collect()
    thread.join()
    assert instance.exports.kept() is references[0]()
    instance.heap.collect()
    gc.collect()
    assert sum(reference() is not None for reference in references) == 1


@pytest.mark.parametrize("rounds", [(1, 3000), (3000, 1)], ids=["one call", "many calls"])
def test_objects_that_are_held_in_passing_go_though_wasm_allocates_nothing(instantiate, rounds):
    """Many pins make a collection due, in a module that never allocates, too."""
    most = 0
    alive = weakref.WeakSet()

    def make():
        nonlocal most
        thing = Thing()
        alive.add(thing)
        most = max(most, len(alive))
        return thing

    text = """(module (import "host" "make" (func $make (result externref)))
      (global $kept (export "kept") (mut externref) (ref.null extern))
      (func (export "run") (param i32)
        (loop $more
          (global.set $kept (call $make))
          (br_if $more (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"""
    instance = instantiate(text, {"host": {"make": make}})
    calls, count = rounds
    for _ in range(calls):
        instance.exports.run(count)
    assert most <= 2 * tuning.GC_PINS
    assert instance.exports.kept.value in alive


def test_objects_that_python_stores_go_though_nothing_is_called(holder):
    alive = weakref.WeakSet()
    for _ in range(3000):
        thing = holder.exports.kept.value = Thing()
        alive.add(thing)
        assert len(alive) <= 2 * tuning.GC_PINS
    assert holder.exports.kept.value is thing


def test_collections_for_pins_keep_what_is_in_flight(instantiate):
    """The first arguments are pinned when a collection for the last ones comes."""
    text = """(module
      (func (export "three") (param externref externref externref)
        (result externref externref externref)
        (local.get 2) (local.get 0) (local.get 1)))"""
    instance = instantiate(text)
    instance.heap.stress = True
    for number in range(10):
        first, second, third = instance.exports.three(*[f"{number} {i}" for i in range(3)])
        assert (first, second, third) == (f"{number} 2", f"{number} 0", f"{number} 1")
