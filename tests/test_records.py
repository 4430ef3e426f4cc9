"""Records: what a frozen dataclass does, they do."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle

import pytest

from wasmwright.records import Record


class Point(Record):
    x: int
    y: int = 2

    @property
    def sum(self) -> int:
        return self.x + self.y


class Other(Record):
    x: int
    y: int


class Counted(Record):
    __slots__ = ("count",)

    x: int

    def __init__(self, x: int) -> None:
        super().__init__(x)
        object.__setattr__(self, "count", 0)


def test_fields_are_given_by_place_and_by_name_and_have_defaults() -> None:
    for point in (Point(1), Point(1, 2), Point(x=1), Point(1, y=2), Point(y=2, x=1)):
        assert (point.x, point.y, point.sum) == (1, 2, 3)


@pytest.mark.parametrize(
    ("args", "named", "message"),
    [
        ((), {}, r"Point\(\) needs 'x'"),
        ((1, 2, 3), {}, r"Point\(\) takes 2 arguments, not 3"),
        ((1,), {"x": 1}, r"Point\(\) got 'x' twice"),
        ((1,), {"z": 1}, r"Point\(\) has no argument 'z'"),
    ],
)
def test_wrong_arguments_are_named(
    args: tuple[int, ...], named: dict[str, int], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        Point(*args, **named)


def test_a_record_does_not_change() -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match="'x': a Point does not change"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="'x': a Point does not change"):
        del point.x
    with pytest.raises(AttributeError):
        point.z = 2  # type: ignore[attr-defined]
    assert not hasattr(point, "__dict__")


def test_equality_is_of_one_class_and_its_fields() -> None:
    assert Point(1) == Point(1, 2) != Point(1, 3)
    assert Point(1) != Other(1, 2)
    assert Point(1) != (1, 2)
    assert len({Point(1), Point(1, 2), Point(2)}) == 2
    assert Counted(1) == Counted(1)


def test_a_record_shows_its_fields() -> None:
    assert repr(Point(1)) == "Point(x=1, y=2)"
    assert repr(Counted(3)) == "Counted(x=3)"


def test_a_record_can_be_copied_pickled_and_taken_apart() -> None:
    for record in (Point(1, 5), Counted(4)):
        assert pickle.loads(pickle.dumps(record)) == record
        assert copy.copy(record) == copy.deepcopy(record) == record
    match Point(1, 5):
        case Point(x, y=5):
            assert x == 1
        case _:
            pytest.fail("does not match")


def test_dataclasses_take_records_as_theirs() -> None:
    point = Point(1)
    assert dataclasses.is_dataclass(point)
    assert [each.name for each in dataclasses.fields(Point)] == ["x", "y"]
    assert dataclasses.asdict(point) == {"x": 1, "y": 2}
    assert dataclasses.replace(point, y=7) == point.__replace__(y=7) == Point(1, 7)
    assert not dataclasses.is_dataclass(Record)


def test_the_signature_is_that_of_the_fields() -> None:
    assert str(inspect.signature(Point)) == "(x: 'int', y: 'int' = 2)"
    assert [*inspect.signature(Counted).parameters] == ["x"]
