"""Runtime types in memory: what compiled code may read of them."""

import ctypes

from wasmwright.codegen import heap_layout as layout
from wasmwright.runtime import heap_types


def test_the_longest_display_can_be_read_behind_every_type():
    """A cast to a deep type looks there, whatever the depth of the object's own type."""
    registry = heap_types._Registry()
    size = layout.TYPE_DISPLAY + 8 * layout.DISPLAY_MIN
    last = registry._allocate(size)
    for _ in range(3):
        chunk = registry._end
        while registry._end == chunk:
            previous, last = last, registry._allocate(size)
        # The last type of a chunk.
        end = previous + layout.TYPE_DISPLAY + layout.DISPLAY_REACH
        assert end <= chunk + layout.DISPLAY_REACH
        assert any(ctypes.string_at(chunk, layout.DISPLAY_REACH)) is False


def test_casts_tell_types_of_every_depth_apart(instantiate):
    chain = "(type $t0 (sub (struct)))"
    chain += "".join(f"(type $t{i} (sub $t{i - 1} (struct)))" for i in range(1, 64))
    functions = "".join(
        f"""(func (export "is{i}") (param anyref) (result i32)
          (ref.test (ref $t{i}) (local.get 0)))
        (func (export "new{i}") (result (ref $t{i})) (struct.new $t{i}))"""
        for i in (0, 1, 7, 8, 9, 31, 62, 63)
    )
    exports = instantiate(f"(module {chain} {functions})").exports
    depths = [int(name[3:]) for name in exports if name.startswith("new")]
    for depth in depths:
        made = exports[f"new{depth}"]()
        for other in depths:
            assert exports[f"is{other}"](made) == (other <= depth)
