"""``wasmwright dump``: what is in a module."""

from __future__ import annotations

import json
from typing import Any

import click

from wasmwright.cli.inputs import errors_in, read_binary, without_collector
from wasmwright.cli.options import FILE


@click.command("dump")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs to read.")
@FILE
@without_collector()
def command(file: str, as_json: bool) -> None:
    """Show FILE's sections, types, imports, exports and sizes.

    The module need not be valid, only well-formed.
    """
    from wasmwright.binary.decode import decode
    from wasmwright.tools.dump import dump

    data = read_binary(file)
    with errors_in(file):
        report = dump(decode(data))
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(file, report)))


def _lines(file: str, report: dict[str, Any]) -> list[str]:
    name = f", module ${report['name']}" if report["name"] else ""
    lines = [f"{file}: {report['size']} bytes{name}", "", "sections:"]
    for section in report["sections"]:
        label = section["name"] + (f" {section['custom']!r}" if "custom" in section else "")
        lines.append(f"  0x{section['offset']:08x} {section['size']:>10}  {label}")
    _list(lines, "types", [f"{i:>6}  {text}" for i, text in enumerate(report["types"])])
    _list(
        lines,
        "imports",
        [f"  {e['module']}.{e['name']}  {e['kind']} {e['type']}" for e in report["imports"]],
    )
    functions = report["functions"]
    lines += [
        "",
        f"functions: {functions['count']}, {functions['bytes']} bytes of code, "
        f"{functions['named']} names",
    ]
    for key in ("tables", "memories", "globals", "tags"):
        _list(lines, key, [f"{i:>6}  {text}" for i, text in enumerate(report[key])])
    _list(
        lines,
        "exports",
        [f"  {e['name']}  {e['kind']} {e['index']} {e['type']}" for e in report["exports"]],
    )
    if report["start"] is not None:
        lines += ["", f"start: func {report['start']}"]
    lines += [
        "",
        f"elements: {report['elements']['count']} segments, "
        f"{report['elements']['entries']} entries",
        f"data: {report['data']['count']} segments, {report['data']['bytes']} bytes",
    ]
    for key in ("producers", "target_features"):
        if key in report:
            lines += ["", f"{key}: {report[key]}"]
    return lines


def _list(lines: list[str], title: str, entries: list[str]) -> None:
    if entries:
        lines += ["", f"{title}:", *entries]
