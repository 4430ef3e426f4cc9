from __future__ import annotations

import pytest

from wasmwright.model.types import F64, FUNC, I32, REF

NONNULL = REF | FUNC
EXPORTS = [("f", 0, 0)]
SET = "ref.func 0; local.set 0;"
USE = "local.get 0; drop;"


def check(valid, invalid, text: str, initialized: bool) -> None:
    parts = {"locals": [(1, NONNULL)], "exports": EXPORTS}
    if initialized:
        valid(text, **parts)
    else:
        invalid(text, "uninitialized local 0", **parts)


class TestInitialization:
    @pytest.mark.parametrize(
        ("text", "initialized"),
        [
            (USE, False),
            (SET + USE, True),
            ("ref.func 0; local.tee 0; drop;" + USE, True),
            ("block -;" + SET + USE + "end;", True),
            ("block -;" + SET + "end;" + USE, False),
            ("loop -;" + SET + "end;" + USE, False),
            (SET + "block -;" + USE + "end;" + USE, True),
            ("i32.const 0; if -;" + SET + "else;" + USE + "end", False),
            ("i32.const 0; if -;" + SET + "else;" + SET + USE + "end", True),
            ("i32.const 0; if -;" + SET + "else;" + SET + "end;" + USE, False),
            (SET + "i32.const 0; if -;" + USE + "else;" + USE + "end;" + USE, True),
            ("try_table - ,;" + SET + USE + "end;" + USE, False),
            ("try -;" + SET + "catch_all;" + USE + "end", False),
            ("try -;" + SET + "delegate 0;" + USE, False),
            ("block -;" + SET + "block -;" + SET + "end;" + USE + "end", True),
            ("unreachable;" + USE, False),
            ("block -;" + SET + "br 0;" + USE + "end;", True),
        ],
    )
    def test_lasts_to_the_end_of_the_block(
        self, text: str, initialized: bool, valid, invalid
    ) -> None:
        check(valid, invalid, text, initialized)

    def test_parameters_have_values(self, valid) -> None:
        valid("local.get 0; drop", params="ref:func")

    def test_nothing_is_left_for_the_next_function(self, build, invalid) -> None:
        # The function under test comes last, after one that never returns.
        invalid("local.get 0; drop", "uninitialized local 0", funcs=[0], locals="ref:func")


class TestRuns:
    def test_types_are_checked(self, invalid) -> None:
        invalid("", "unknown type 9", locals=[(1, REF | 9)])

    def test_runs_may_be_empty(self, valid) -> None:
        valid(
            "local.get 0; drop; local.get 1",
            locals=[(0, I32), (1, I32), (0, I32), (1, F64)],
            results="f64",
        )

    def test_count_has_a_limit(self, valid, invalid) -> None:
        valid("", locals=[(50_000, I32)])
        invalid("", "too many locals", locals=[(50_001, I32)])
        invalid("", "too many locals", locals=[(1 << 32, I32)] * 3)
        invalid("", "too many locals", locals=[(49_999, I32)], params="i32 i32")

    def test_locals_that_are_not_laid_out(self, valid, invalid) -> None:
        # More locals than the body has use for: those far away are searched for.
        runs = [(20_000, I32), (20_000, F64), (5_000, NONNULL)]
        parts = {"locals": runs, "exports": EXPORTS, "params": "i64"}
        valid("local.get 0; i32.wrap_i64; local.set 20000", **parts)
        valid("local.get 40000; local.set 20001; local.get 40000; local.tee 39999; drop", **parts)
        invalid("local.get 20000; local.set 20001", "type mismatch", **parts)
        invalid("local.get 45001; drop", "unknown local 45001", **parts)
        invalid("local.get 40001; drop", "uninitialized local 40001", **parts)
        text = "ref.func 0; local.set 45000; local.get 45000; drop"
        valid(text, **parts)
        invalid(f"block -; {text}; end; local.get 45000; drop", "uninitialized local", **parts)

    def test_many_parameters(self, valid, invalid) -> None:
        many = " ".join(["i64"] * 999 + ["f32"])
        valid("local.get 999", params=many, results="f32")
        valid("local.get 998", params=many, results="i64")
        invalid("local.get 1000; drop", "unknown local 1000", params=many)
