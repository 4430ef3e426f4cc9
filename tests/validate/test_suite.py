"""What the official test suite rejects is rejected, with the message that it expects.

The modules are in ``suite_rejected.jsonl.gz``, which ``extract_suite.py`` makes.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from wasmwright import features
from wasmwright.binary.decode import decode
from wasmwright.errors import CompileError, InvalidError, MalformedError
from wasmwright.validate.module import validate

EXPECTED = {"assert_invalid": InvalidError, "assert_malformed": MalformedError}

# Scripts of a proposal that forked off before a feature became part of the core.
WITHOUT = {
    "proposals/threads/imports.wast": features.REFERENCE_TYPES | features.MULTI_MEMORY,
    "proposals/threads/memory.wast": features.MULTI_MEMORY,
}


def cases() -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    with gzip.open(Path(__file__).with_name("suite_rejected.jsonl.gz"), "rt") as lines:
        for line in lines:
            case = json.loads(line)
            found.setdefault(case["file"], []).append(case)
    return found


CASES = cases()


def failure(case: dict[str, object], enabled: int) -> str:
    """What is wrong with the answer to one module, or nothing."""
    place = f"line {case['line']}: expected {case['message']!r}, "
    try:
        validate(decode(bytes.fromhex(str(case["wasm"])), enabled), enabled)
    except CompileError as error:
        if not isinstance(error, EXPECTED[str(case["assertion"])]):
            return place + f"got {type(error).__name__} {error}"
        if not error.message.startswith(str(case["message"])):
            return place + f"got {error}"
        return "" if error.offset is not None else place + "got it without an offset"
    return place + "but the module is accepted"


@pytest.mark.parametrize("file", CASES)
def test_rejects_with_the_expected_message(file: str) -> None:
    enabled = features.WASM_3 if file.startswith("core/") else features.ALL
    enabled &= ~WITHOUT.get(file, 0)
    failures = [text for case in CASES[file] if (text := failure(case, enabled))]
    assert not failures, "\n".join(failures)
