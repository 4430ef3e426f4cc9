"""What the official test suite takes for granted: the proposals that each folder knows of.

With others on, negative tests fail: a module with two memories is malformed to a suite that is
older than that proposal.
"""

from __future__ import annotations

from typing import Final

from wasmwright import features as feature

# By the beginning of a file's path in the suite; the first that fits counts.
_FOLDERS: Final[tuple[tuple[str, int], ...]] = (
    ("legacy/", feature.WASM_3 | feature.LEGACY_EXCEPTIONS),
    # The threads proposal is based on a version before reference types.
    (
        "proposals/threads/",
        (feature.WASM_2 | feature.THREADS) & ~feature.REFERENCE_TYPES,
    ),
    ("proposals/custom-page-sizes/", feature.WASM_3 | feature.CUSTOM_PAGE_SIZES),
    ("proposals/wide-arithmetic/", feature.WASM_3 | feature.WIDE_ARITHMETIC),
)


def features_of(path: str) -> int:
    """The features for the script at ``path``, relative to the suite, with ``/`` in it."""
    for folder, features in _FOLDERS:
        if path.startswith(folder):
            return features
    return feature.WASM_3
