"""The official suite on the polyfill in node, with the engine's own WebAssembly removed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
POLYFILLS = ["polyfill", "short_polyfill", "dividing_polyfill", "interpreting_polyfill"]


@pytest.fixture(scope="module", params=POLYFILLS)
def report(request, node, suite_scripts):
    """How each script went."""
    library = str(request.getfixturevalue(request.param))
    command = [node, str(HERE / "run_spec.cjs"), library, *map(str, suite_scripts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_script_fails_only_where_the_bits_of_nans_matter(report, nan_payloads, subtests):
    for name, counts in report.items():
        with subtests.test(name):
            found = {int(failure.partition(":")[0]) for failure in counts["failures"]}
            assert found == nan_payloads.get(name, set()), "\n".join(counts["failures"])


def test_most_commands_of_the_suite_are_run(report):
    assert sum(counts["passed"] for counts in report.values()) > 54_000
