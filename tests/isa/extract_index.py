"""Make ``index_instructions.json`` from checkouts of the specification.

    python tests/isa/extract_index.py SPEC [THREADS] > tests/isa/index_instructions.json

SPEC is a checkout of https://github.com/WebAssembly/spec, THREADS one of
https://github.com/WebAssembly/threads, from whose index only the atomic instructions are
taken. The index is ``document/core/appendix/index-instructions.py``, a list of calls in the
document's LaTeX; ``document/core/util/macros.def`` says what its macros print. Only facts are
extracted: opcode, mnemonic, immediates and stack type of each instruction, and the version of
WebAssembly that brought it.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

Row = dict[str, object]

_MACRO = re.compile(r"^\.\. \|(\w+)\| mathdef:: (.*)$", re.MULTILINE)
_SPACING = re.compile(r"\\scriptstyle|\\kern-?[0-9.]+em")
_XREF = re.compile(r"\\xref\{[^{}]*\}\{[^{}]*\}")


class Latex:
    """Prints the document's LaTeX as plain text."""

    def __init__(self, checkout: Path) -> None:
        text = (checkout / "document/core/util/macros.def").read_text(encoding="utf-8")
        text = _SPACING.sub("", _XREF.sub("", text))
        self.macros: dict[str, str] = dict(_MACRO.findall(text))

    def plain(self, text: str) -> str:
        """The characters that ``text`` prints, blanks where it has ``~``."""
        for _ in range(8):
            expanded = re.sub(r"\\([A-Za-z0-9]+)", self._expand, text)
            if expanded == text:
                break
            text = expanded
        text = text.replace(r"\_", "_").replace("^\\ast", "*").replace("^", "")
        text = re.sub(r"[{}]", "", text)
        return re.sub(r"\s+", " ", text.replace("~", " ")).strip()

    def _expand(self, match: re.Match[str]) -> str:
        name = match[1]
        if name in ("K", "X", "mathsf", "mathit"):
            return ""
        fixed = {"to": "->", "ast": "*", "reftypediff": "- ", "dots": "..."}
        return fixed.get(name) or self.macros.get(name, name)


def rows(checkout: Path) -> list[Row]:
    """The instructions in a checkout's index; opcodes that it calls reserved are left out."""
    path = checkout / "document/core/appendix/index-instructions.py"
    latex = Latex(checkout)
    found: list[Row] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Instruction"):
            continue
        fields = [ast.literal_eval(argument) for argument in node.args]
        version = fields.pop(0) if isinstance(fields[0], float) else None
        name, opcode, stack = (*fields, None, None)[:3]
        if name is None:
            continue
        mnemonic, _, immediates = name.partition("~")
        found.append(
            {
                "opcode": re.findall(r"\\hex\{(\w\w)\}", opcode),
                "name": latex.plain(mnemonic),
                "immediates": latex.plain(immediates),
                "stack": latex.plain(stack or ""),
                "version": version,
            }
        )
    return found


def origin(checkout: Path) -> str:
    """The commit of a checkout."""
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Print the extraction."""
    spec = Path(sys.argv[1])
    found = rows(spec)
    sources = {"https://github.com/WebAssembly/spec": origin(spec)}
    if len(sys.argv) > 2:
        threads = Path(sys.argv[2])
        found += [row for row in rows(threads) if row["opcode"][0] == "FE"]  # type: ignore[index]
        sources["https://github.com/WebAssembly/threads"] = origin(threads)
    lines = ",\n".join("  " + json.dumps(row) for row in found)
    note = "Made by extract_index.py, which see; facts from the specification's index."
    print(f'{{"note": {json.dumps(note)},\n "sources": {json.dumps(sources)},\n "rows": [')  # noqa: T201
    print(f"{lines}\n]}}")  # noqa: T201


if __name__ == "__main__":
    main()
