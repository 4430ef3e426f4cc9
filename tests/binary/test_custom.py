from __future__ import annotations

from pathlib import Path

import pytest

from wasmwright.binary.custom import producers, source_map, target_features
from wasmwright.binary.decode import decode
from wasmwright.errors import MalformedError


def test_producers() -> None:
    payload = b"\x02\x08language\x01\x03C11\x00\x0cprocessed-by\x02\x05clang\x0418.1\x03ld.\x01x"
    assert producers(payload) == {
        "language": [("C11", "")],
        "processed-by": [("clang", "18.1"), ("ld.", "x")],
    }


def test_target_features() -> None:
    assert target_features(b"\x02+\x04simd-\x07threads") == [("+", "simd"), ("-", "threads")]


def test_source_map() -> None:
    assert source_map(b"\x05a.map") == "a.map"


@pytest.mark.parametrize(
    ("payload", "message"),
    [(b"", "unexpected end"), (b"\x01?\x01a", "malformed feature"), (b"\x00\x00", "section size")],
)
def test_broken_payloads_are_malformed(payload: bytes, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        target_features(payload)


def test_sections_of_samples(sample: Path) -> None:
    module = decode(sample.read_bytes())
    if (payload := module.custom("producers")) is not None:
        assert producers(payload)
    if (payload := module.custom("target_features")) is not None:
        assert all(prefix == "+" for prefix, _ in target_features(payload))
