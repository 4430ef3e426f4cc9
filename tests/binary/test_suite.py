"""The binary modules of the official test suite are accepted and rejected as it says.

Takes the ``(module binary "…")`` forms out of the scripts with regular expressions, so that
this needs no text parser. The suite is looked for in $WASM_TESTSUITE, then ../shared/testsuite.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from wasmwright import features
from wasmwright.binary.code import check_body
from wasmwright.binary.decode import decode
from wasmwright.binary.encode import encode
from wasmwright.errors import MalformedError

ROOT = Path(__file__).parents[2]
SUITE = Path(os.environ.get("WASM_TESTSUITE", ROOT.parent / "shared/testsuite"))

STRING = r'"(?:[^"\\]|\\.)*"'
SPACE = r"(?:\s|;;[^\n]*\n|\(;(?:(?!;\)).)*;\))*"
FORM = re.compile(
    rf"(\(assert_\w+{SPACE})?"
    rf"\(module(?:{SPACE}definition)?(?:{SPACE}\$\S+)?{SPACE}binary"
    rf"((?:{SPACE}{STRING})*){SPACE}\)"
    rf"(?:{SPACE}({STRING}))?",
    re.DOTALL,
)
TOKEN = re.compile(rf"{STRING}|;;[^\n]*|\(;.*?;\)", re.DOTALL)
ESCAPE = re.compile(rb"\\([0-9a-fA-F]{2}|u\{[0-9a-fA-F]+\}|.)", re.DOTALL)
SIMPLE = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}

# Malformed for a reason that only a walk over the bodies with the module at hand can see.
VALIDATORS = ("data count section required",)


class Case(NamedTuple):
    """A module in a script, and what the script says of it."""

    file: str
    line: int
    malformed: str | None
    data: bytes


def unescape(match: re.Match[bytes]) -> bytes:
    text = match[1]
    if text.startswith(b"u{"):
        return chr(int(text[2:-1], 16)).encode()
    if len(text) == 2:
        return bytes((int(text, 16),))
    return SIMPLE.get(text, text)


def cases(path: Path) -> Iterator[Case]:
    text = path.read_text("utf-8")
    for form in FORM.finditer(text):
        if ";;" in text[text.rfind("\n", 0, form.start()) + 1 : form.start()]:
            continue
        strings = [token for token in TOKEN.findall(form[2]) if token.startswith('"')]
        data = b"".join(ESCAPE.sub(unescape, string[1:-1].encode()) for string in strings)
        malformed = form[3][1:-1] if form[1] and "malformed" in form[1] else None
        line = text.count("\n", 0, form.start()) + 1
        yield Case(str(path.relative_to(SUITE)), line, malformed, data)


def scripts() -> list[Path]:
    """The scripts with binary modules, of the features that we have."""
    found = sorted(SUITE.glob("**/*.wast")) if SUITE.is_dir() else []
    return [
        path
        for path in found
        if "custom-descriptors" not in path.parts and "binary" in path.read_text("utf-8")
    ]


def flags_for(path: Path) -> int:
    """The features of a script: each is written against what was there at its time."""
    return features.WASM_3 if path.relative_to(SUITE).parts[0] == "core" else features.ALL


def check(data: bytes, flags: int) -> None:
    module = decode(data, flags)
    for index, code in enumerate(module.codes):
        check_body(data, code, flags, module.imported_funcs + index)


def test_the_suite_is_there() -> None:
    if not SUITE.is_dir():
        pytest.skip(f"no test suite at {SUITE}; set WASM_TESTSUITE to a checkout of it")
    assert sum(1 for path in scripts() for _ in cases(path)) > 900


@pytest.mark.parametrize("path", scripts(), ids=lambda path: str(path.relative_to(SUITE)))
def test_binary_modules_of(path: Path) -> None:
    wrong = []
    flags = flags_for(path)
    for case in cases(path):
        place = f"{case.file}:{case.line}"
        try:
            check(case.data, flags)
        except MalformedError as error:
            if case.malformed is None:
                wrong.append(f"{place}: rejected: {error}")
            elif not str(error).startswith(case.malformed):
                wrong.append(f"{place}: expected {case.malformed!r}, found: {error}")
            continue
        if case.malformed is not None and case.malformed not in VALIDATORS:
            wrong.append(f"{place}: accepted, expected {case.malformed!r}")
        again = encode(decode(case.data, flags))
        if encode(decode(again, flags)) != again:
            wrong.append(f"{place}: does not come back")
    assert not wrong, "\n".join(wrong)
