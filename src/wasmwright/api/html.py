"""What notebooks show of modules and exports: tables in HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a caption; all texts are escaped."""
    from html import escape

    parts = [f"<table><caption>{escape(title)}</caption><thead><tr>"]
    parts += [f"<th>{escape(text)}</th>" for text in head]
    parts.append("</tr></thead><tbody>")
    for row in rows:
        cells = "".join(f"<td><code>{escape(text)}</code></td>" for text in row)
        parts.append(f"<tr>{cells}</tr>")
    parts.append("</tbody></table>")
    return "".join(parts)
