from __future__ import annotations

import pytest

from wasmwright.model.types import Limits, MemoryType

ONE = [MemoryType(Limits(1))]
WIDE = [MemoryType(Limits(1, address64=True))]
BOTH = ONE + WIDE


class TestMemargs:
    @pytest.mark.parametrize(
        ("name", "natural"),
        [
            ("i32.load8_s", 0),
            ("i64.load16_u", 1),
            ("i64.load32_u", 2),
            ("f32.load", 2),
            ("i64.load", 3),
            ("f64.load", 3),
            ("v128.load", 4),
            ("v128.load8x8_s", 3),
            ("v128.load8_splat", 0),
            ("v128.load64_zero", 3),
        ],
    )
    def test_alignment_is_at_most_natural(self, name: str, natural: int, valid, invalid) -> None:
        for alignment in range(natural + 1):
            valid(f"i32.const 0; {name} {alignment}:0; drop", memories=ONE)
        for alignment in (natural + 1, 31, 63):
            invalid(
                f"i32.const 0; {name} {alignment}:0; drop",
                "alignment must not be larger than natural",
                memories=ONE,
            )

    def test_atomic_alignment_is_natural(self, valid, invalid) -> None:
        text = "i32.const 0; i32.atomic.load16_u {}:0; drop"
        valid(text.format(1), memories=ONE)
        invalid(text.format(0), "atomic alignment must be natural", memories=ONE)
        invalid(text.format(2), "alignment must not be larger than natural", memories=ONE)

    def test_offset_is_within_the_address_type(self, valid, invalid) -> None:
        text = "{}.const 0; i32.load 2:{}; drop"
        valid(text.format("i32", (1 << 32) - 1), memories=ONE)
        invalid(text.format("i32", 1 << 32), "offset out of range", memories=ONE)
        valid(text.format("i64", (1 << 64) - 1), memories=WIDE)

    def test_memory_is_known(self, valid, invalid) -> None:
        text = "{}.const 0; i32.load 2:0:{}; drop"
        valid(text.format("i32", 0), memories=BOTH)
        valid(text.format("i64", 1), memories=BOTH)
        invalid(text.format("i32", 1), "type mismatch", memories=BOTH)
        invalid(text.format("i32", 2), "unknown memory 2", memories=BOTH)
        invalid("i32.const 0; i32.load 2:0; drop", "unknown memory 0")
        invalid("unreachable; select; i32.load 2:0; drop", "unknown memory 0")

    def test_flags_end_with_the_memory_bit(self, invalid) -> None:
        invalid(b"\x41\x00\x28\x80\x01\x00\x1a\x0b", "malformed memop flags", memories=ONE)


class TestLanes:
    @pytest.mark.parametrize(
        ("name", "lanes", "operands", "result"),
        [
            ("i8x16.extract_lane_s", 16, "v128", "i32"),
            ("i16x8.replace_lane", 8, "v128 i32", "v128"),
            ("f32x4.extract_lane", 4, "v128", "f32"),
            ("i64x2.replace_lane", 2, "v128 i64", "v128"),
        ],
    )
    def test_index_is_below_the_count(
        self, name: str, lanes: int, operands: str, result: str, valid, invalid
    ) -> None:
        gets = "".join(f"local.get {i};" for i in range(len(operands.split())))
        valid(f"{gets} {name} {lanes - 1}", params=operands, results=result)
        invalid(f"{gets} {name} {lanes}", "invalid lane index", params=operands, results=result)

    def test_index_of_a_memory_access(self, valid, invalid) -> None:
        for bits in (8, 16, 32, 64):
            text = f"i32.const 0; v128.const 0; v128.load{bits}_lane 0:0 {{}}; drop"
            valid(text.format(128 // bits - 1), memories=ONE)
            invalid(text.format(128 // bits), "invalid lane index", memories=ONE)

    def test_shuffle_has_indices_into_two_vectors(self, valid, invalid) -> None:
        text = "v128.const 0; v128.const 0; i8x16.shuffle {}; drop"
        valid(text.format(",".join(["31"] * 16)))
        invalid(text.format(",".join(["0"] * 15 + ["32"])), "invalid lane index")


class TestWholeMemories:
    def test_size_and_grow(self, valid, invalid) -> None:
        valid("memory.size 0", memories=BOTH, results="i32")
        valid("memory.size 1", memories=BOTH, results="i64")
        valid("i64.const 0; memory.grow 1", memories=BOTH, results="i64")
        invalid("i32.const 0; memory.grow 1; drop", "type mismatch", memories=BOTH)
        for name in ("memory.size", "memory.grow"):
            invalid(f"unreachable; {name} 2; drop", "unknown memory 2", memories=BOTH)

    def test_fill(self, valid, invalid) -> None:
        valid("i64.const 0; i32.const 0; i64.const 0; memory.fill 1", memories=BOTH)
        invalid(
            "i64.const 0; i32.const 0; i32.const 0; memory.fill 1", "type mismatch", memories=BOTH
        )

    @pytest.mark.parametrize(
        ("target", "source", "length"),
        [
            ("i32", "i32", "i32"),
            ("i64", "i64", "i64"),
            ("i32", "i64", "i32"),
            ("i64", "i32", "i32"),
        ],
    )
    def test_copy_has_the_shorter_length(
        self, target: str, source: str, length: str, valid, invalid
    ) -> None:
        numbers = " ".join("01"[name == "i64"] for name in (target, source))
        text = f"{target}.const 0; {source}.const 0; {{}}.const 0; memory.copy {numbers}"
        valid(text.format(length), memories=BOTH)
        other = "i32" if length == "i64" else "i64"
        invalid(text.format(other), "type mismatch", memories=BOTH)

    def test_init_and_drop(self, valid, invalid) -> None:
        text = "i32.const 0; i32.const 0; i32.const 0; memory.init {} 0; data.drop {}"
        valid(text.format(0, 0), memories=ONE, datas=[""])
        invalid(text.format(1, 0), "unknown data segment 1", memories=ONE, datas=[""])
        invalid(text.format(0, 1), "unknown data segment 1", memories=ONE, datas=[""])
        invalid(text.format(0, 0), "unknown memory 0", datas=[""])

    def test_data_segments_need_their_count(self, invalid) -> None:
        for text in ("data.drop 0", "unreachable; memory.init 0 0"):
            invalid(text, "data count section required", memories=ONE, datas=[""], data_count=False)

    def test_fence_has_a_zero_byte(self, valid, invalid) -> None:
        valid("atomic.fence 0")
        invalid("atomic.fence 1", "zero byte expected")
