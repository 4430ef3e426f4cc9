"""The collector: what it keeps, what it frees, and where it ends."""

import gc
import threading

import pytest

import wasmwright as ww
from wasmwright.codegen import abi
from wasmwright.codegen import heap_layout as layout
from wasmwright.runtime import native

# A list and arrays that globals keep, and garbage of all sizes.
STORE = """(module
  (type $node (sub (struct (field $next (mut (ref null $node))) (field $value i32))))
  (type $leaf (sub final $node (struct (field (mut (ref null $node))) (field i32) (field v128))))
  (type $nodes (array (mut (ref null $node))))
  (type $bytes (array (mut i8)))
  (type $pairs (array (mut v128)))
  (global $list (export "list") (mut (ref null $node)) (ref.null $node))
  (global $nodes (export "nodes") (mut (ref null $nodes)) (ref.null $nodes))
  (global $bytes (mut (ref null $bytes)) (ref.null $bytes))
  (table $table (export "table") 10 anyref)

  (func (export "push") (param $count i32)
    (loop $more
      (global.set $list (struct.new $node (global.get $list) (local.get $count)))
      (br_if $more (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
  (func (export "sum") (result i64)
    (local $at (ref null $node)) (local $sum i64)
    (local.set $at (global.get $list))
    (block $end
      (loop $next
        (br_if $end (ref.is_null (local.get $at)))
        (local.set $sum
          (i64.add (local.get $sum) (i64.extend_i32_u (struct.get $node $value (local.get $at)))))
        (local.set $at (struct.get $node $next (local.get $at)))
        (br $next)))
    (local.get $sum))
  (func (export "drop") (global.set $list (ref.null $node)) (global.set $nodes (ref.null $nodes)))
  (func (export "drop_every_other")
    (local $at (ref null $node))
    (local.set $at (global.get $list))
    (block $end
      (loop $next
        (br_if $end (ref.is_null (local.get $at)))
        (br_if $end (ref.is_null (struct.get $node $next (local.get $at))))
        (struct.set $node $next (local.get $at)
          (struct.get $node $next (struct.get $node $next (local.get $at))))
        (local.set $at (struct.get $node $next (local.get $at)))
        (br $next))))
  (func (export "ring") (param $count i32)
    (local $i i32) (local $first (ref $node)) (local $at (ref $node))
    (loop $again
      (local.set $first (struct.new $node (ref.null $node) (i32.const 0)))
      (local.set $at (local.get $first))
      (local.set $i (i32.const 5))
      (loop $more
        (local.set $at (struct.new $node (local.get $at) (local.get $i)))
        (br_if $more (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (struct.set $node $next (local.get $first) (local.get $at))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  (func (export "garbage") (param $count i32) (param $size i32)
    (loop $more
      (drop (array.new_default $bytes (local.get $size)))
      (br_if $more (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
  (func (export "keep_bytes") (param $size i32) (param $value i32)
    (global.set $bytes (array.new $bytes (local.get $value) (local.get $size))))
  (func (export "count_bytes") (param $value i32) (result i32)
    (local $i i32) (local $count i32)
    (block $end
      (loop $next
        (br_if $end (i32.ge_u (local.get $i) (array.len (global.get $bytes))))
        (local.set $count
          (i32.add (local.get $count)
            (i32.eq (array.get_u $bytes (global.get $bytes) (local.get $i)) (local.get $value))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.get $count))
  (func (export "new_bytes") (param $size i32) (result i32)
    (array.len (array.new_default $bytes (local.get $size))))
  (func (export "new_pairs") (param $size i32) (result i32)
    (array.len (array.new_default $pairs (local.get $size))))

  (func (export "fan") (param $count i32)
    (local $i i32) (local $nodes (ref $nodes))
    (global.set $nodes (local.tee $nodes (array.new_default $nodes (local.get $count))))
    (loop $more
      (array.set $nodes (local.get $nodes) (local.get $i)
        (struct.new $node (struct.new $leaf (ref.null $node) (i32.const 1) (v128.const i64x2 0 0))
          (local.get $i)))
      (br_if $more
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $count)))))
  (func (export "check_fan") (result i32)
    (local $i i32) (local $sum i32) (local $at (ref null $node))
    (loop $next
      (local.set $at (array.get $nodes (global.get $nodes) (local.get $i)))
      (if (i32.ne (struct.get $node $value (local.get $at)) (local.get $i)) (then (unreachable)))
      (local.set $sum
        (i32.add (local.get $sum)
          (struct.get $node $value
            (ref.cast (ref $leaf) (struct.get $node $next (local.get $at))))))
      (br_if $next
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
          (array.len (global.get $nodes)))))
    (local.get $sum))

  (func $deep (export "deep") (param $depth i32) (result i32)
    (local $mine (ref $node))
    (if (i32.eqz (local.get $depth)) (then (return (i32.const 0))))
    (local.set $mine (struct.new $node (ref.null $node) (local.get $depth)))
    (i32.add (call $deep (i32.sub (local.get $depth) (i32.const 1)))
      (i32.eq (struct.get $node $value (local.get $mine)) (local.get $depth))))

  (func (export "walk_while_collecting") (param $size i32) (result i32)
    ;; The array is only in a local, and the loop's pointer into it all that may be left.
    (local $array (ref $nodes)) (local $i i32) (local $sum i32)
    (local.set $array
      (array.new $nodes (struct.new $node (ref.null $node) (i32.const 1)) (local.get $size)))
    (loop $next
      (local.set $sum
        (i32.add (local.get $sum)
          (struct.get $node $value (array.get $nodes (local.get $array) (local.get $i)))))
      (drop (struct.new $node (ref.null $node) (i32.const 9)))
      (br_if $next
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $size))))
    (local.get $sum)))"""


@pytest.fixture
def store(instantiate):
    return instantiate(STORE)


def total(count):
    return count * (count + 1) // 2


def test_what_globals_reach_stays(store):
    store.exports.push(100_000)
    store.heap.collect()
    assert store.exports.sum() == total(100_000)
    assert store.heap.live == 24 * 100_000
    store.exports.drop()
    store.heap.collect()
    assert store.heap.live == 0


def test_a_long_list_is_no_recursion(store):
    store.exports.push(3_000_000)
    store.heap.collect()
    assert store.exports.sum() == total(3_000_000)


def test_garbage_is_collected_by_itself_in_bounded_memory(store):
    for size in (0, 40, 1000, 7000, 9000, 100_000, 3_000_000):
        store.exports.garbage(max(100, (200 << 20) // (size + 16)), size)
    assert store.heap.collections >= 60
    assert store.heap.size < 128 << 20
    store.heap.collect()
    assert store.heap.live < 4_000_000  # at most what the stack still looks like it refers to
    assert store.heap.size < 64 << 20


def test_cycles_are_garbage_too(store):
    store.exports.ring(2_000_000)
    assert store.heap.collections > 5
    assert store.heap.size < 64 << 20


def test_freed_lines_among_survivors_are_used_again(store):
    store.exports.push(200_000)
    store.heap.collect()
    before = store.heap.size
    for _ in range(6):
        store.exports.drop_every_other()
        store.heap.collect()
        store.exports.push(10_000)
        store.exports.garbage(1000, 1000)
    assert store.heap.size <= before + (16 << 20)
    expected = store.exports.sum()
    store.heap.collect()
    assert store.exports.sum() == expected


@pytest.mark.parametrize("size", [1, 100, 8000, 8192, 40_000, 5_000_000])
def test_arrays_of_every_size_keep_their_content(store, size):
    store.exports.keep_bytes(size, 7)
    store.exports.garbage(300_000_000 // (size + 3000), size)
    store.heap.collect()
    assert store.exports.count_bytes(7) == size


def test_recycled_memory_is_zeros(store):
    for size in (24, 500, 20_000):
        for _ in range(5):
            store.exports.keep_bytes(size, 255)
            store.heap.collect()
        store.exports.keep_bytes(0, 0)
        store.heap.collect()
        store.exports.keep_bytes(size, 0)
        assert store.exports.count_bytes(0) == size


def test_the_collectors_stack_may_be_too_small(store):
    heap = store.heap
    record = native.read64(store._core.block.address + abi.RT_HEAP)
    native.write64(record + layout.HEAP_STACK_LEAST, 0)
    store.exports.fan(400_000)
    heap.collect()
    assert native.read64(record + layout.HEAP_STACK_ROOM) < 400_000 * 8
    assert store.exports.check_fan() == 400_000
    store.exports.push(100_000)
    heap.collect()
    assert store.exports.check_fan() == 400_000
    assert store.exports.sum() == total(100_000)


def test_references_on_the_stack_stay(store):
    store.heap.stress = True
    assert store.exports.deep(300) == 300
    assert store.exports.walk_while_collecting(500) == 500
    assert store.heap.collections > 800


def test_references_deep_in_the_stack_stay(store):
    store.heap.threshold = 100_000
    assert store.exports.deep(20_000) == 20_000
    assert store.heap.collections >= 2


def test_a_full_heap_traps_and_the_instance_goes_on(store):
    store.heap.limit = 32 << 20
    with pytest.raises(ww.ExhaustionError, match="^out of memory"):
        store.exports.push(10_000_000)
    assert store.heap.size <= 32 << 20
    kept = store.exports.sum()
    assert kept > 0
    with pytest.raises(ww.ExhaustionError):
        store.exports.new_bytes(8 << 20)
    assert store.exports.sum() == kept
    store.exports.drop()
    store.exports.push(1000)
    assert store.exports.sum() == total(1000)
    assert store.exports.new_bytes(8 << 20) == 8 << 20


@pytest.mark.parametrize("size", [-1, 1 << 31, (1 << 31) - 1])
def test_arrays_beyond_the_limit_trap(store, size):
    with pytest.raises(ww.ExhaustionError):
        store.exports.new_pairs(size)
    if size == -1:
        with pytest.raises(ww.ExhaustionError):
            store.exports.new_bytes(size)
    store.exports.push(10)
    assert store.exports.sum() == total(10)


def test_the_limit_can_be_given_to_the_instance(wat):
    store = ww.Instance(ww.Module(wat(STORE)), limits=ww.Limits(heap=8 << 20))
    with pytest.raises(ww.ExhaustionError):
        store.exports.push(10_000_000)


def test_the_limit_holds_for_constant_expressions(wat):
    text = """(module (type $a (array i64))
      (global (ref $a) (array.new_default $a (i32.const 10000000))))"""
    with pytest.raises(ww.ExhaustionError):
        ww.Instance(ww.Module(wat(text)), limits=ww.Limits(heap=8 << 20))
    assert ww.Instance(ww.Module(wat(text))).heap.size >= 80_000_000


def test_memory_goes_back_with_the_instance(wat):
    module = ww.Module(wat(STORE))

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    def use():
        store = ww.Instance(module)
        store.exports.push(1_000_000)

    use()
    gc.collect()
    before = resident()
    for _ in range(10):
        use()
        gc.collect()
    assert resident() - before < 60 << 20


def test_memory_goes_back_while_the_instance_lives(store):
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    before = resident()
    store.heap.limit = 128 << 20
    for _ in range(3):
        with pytest.raises(ww.ExhaustionError):
            store.exports.push(10_000_000)
        assert resident() - before > 100 << 20
        store.exports.drop()
        store.heap.collect()
        assert store.heap.size == 0
        assert resident() - before < 32 << 20
        store.exports.push(1000)
        assert store.exports.sum() == total(1000)
        store.exports.drop()


def test_memory_goes_back_though_a_few_objects_stay(store):
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    before = resident()
    store.heap.limit = 256 << 20
    store.exports.push(1)
    oldest = store.exports.list.value
    with pytest.raises(ww.ExhaustionError):
        store.exports.push(20_000_000)
    newest = store.exports.list.value
    assert resident() - before > 200 << 20
    store.exports.drop()
    newest.next = None
    store.heap.collect()
    assert resident() - before < 128 << 20
    assert oldest.value == 1
    # What went back is zeros again, and used again.
    store.exports.push(5_000_000)
    assert store.exports.sum() == total(5_000_000)
    store.exports.fan(10_000)
    assert store.exports.check_fan() == 10_000


def test_heaps_in_threads_are_independent(wat):
    module = ww.Module(wat(STORE))
    failures = []

    def work():
        store = ww.Instance(module)
        store.heap.threshold = 1 << 20
        store.exports.push(50_000)
        for size in (10, 3000, 20_000):
            store.exports.garbage((64 << 20) // (size + 16), size)
        if store.exports.sum() != total(50_000) or not store.heap.collections:
            failures.append(store)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


READER = """(module
  (type $node (sub (struct (field $next (mut (ref null $node))) (field $value i32))))
  (import "store" "list" (global $list (mut (ref null $node))))
  (import "store" "table" (table 10 anyref))
  (global $mine (mut (ref null $node)) (ref.null $node))
  (func (export "take") (global.set $mine (global.get $list)))
  (func (export "second") (result i32)
    (struct.get $node $value (struct.get $node $next (global.get $mine))))
  (func (export "garbage") (param $count i32)
    (loop $more
      (drop (struct.new $node (ref.null $node) (i32.const 1)))
      (br_if $more (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))))"""


def test_linked_instances_have_one_heap(store, instantiate):
    store.exports.push(100)
    reader = instantiate(READER, {"store": store})
    assert reader._core.block.root is store._core.block.root
    reader.exports.take()
    store.exports.drop()
    reader.heap.collect()
    assert reader.exports.second() == 2
    reader.exports.garbage(3_000_000)
    assert reader.exports.second() == 2
    assert store.heap.collections == reader.heap.collections > 2


def test_heaps_with_content_are_joined(instantiate):
    """Two worlds that both have objects become one when an object goes from one to the other."""
    first, second = instantiate(STORE), instantiate(STORE)
    first.exports.push(50_000)
    second.exports.push(70_000)
    held = second.exports.list.value
    assert first._core.block.root is not second._core.block.root
    first.exports.table[3] = held
    assert first._core.block.root is second._core.block.root
    first.heap.collect()
    assert first.exports.sum() == total(50_000)
    assert second.exports.sum() == total(70_000)
    second.exports.drop()
    del held
    first.exports.garbage(100_000, 500)
    first.heap.collect()
    assert first.exports.table[3][1] == 1
    assert first.heap.live == 24 * 120_000
    first.exports.table[3] = None
    second.heap.collect()
    assert second.heap.live == 24 * 50_000


def test_stress_mode_can_be_asked_for_by_the_environment(script):
    code = """
store = ww.Instance(store)
assert store.heap.stress
store.exports.push(300)
print(store.exports.sum(), store.heap.collections >= 300)
"""
    code = "import os; os.environ['WASMWRIGHT_GC_STRESS'] = '1'\n" + code
    done = script(code, store=STORE)
    assert (done.stdout, done.stderr) == ("45150 True\n", "")


def test_a_heap_says_what_it_is(store):
    store.exports.push(10)
    store.heap.collect()
    assert repr(store.heap) == f"<wasmwright.Heap 240 of {store.heap.size} bytes alive>"
