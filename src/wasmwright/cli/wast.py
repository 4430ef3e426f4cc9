"""``wasmwright wast``: scripts of the official test suite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from wasmwright.cli.inputs import InputError, errors_in, read


@click.command("wast")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs to read.")
@click.option(
    "--explicit-checks", is_flag=True, help="Check bounds by comparison, not guard pages."
)
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False))
def command(files: tuple[str, ...], as_json: bool, explicit_checks: bool) -> None:
    """Run the scripts in FILES: a line for each, and its failures with their lines.

    In a checkout of the official suite, the features that a script may use go by its folder. The
    exit status is 1 if anything failed.
    """
    from wasmwright.script import run_script

    reports: list[dict[str, Any]] = []
    for file in files:
        try:
            source = read(file)
            with errors_in(file):
                report = run_script(source, features=_features(file), guard=not explicit_checks)
        except InputError as error:
            click.echo(f"wasmwright: {error}", err=True)
            reports.append({"file": file, "error": str(error)})
            continue
        reports.append(
            {
                "file": file,
                "passed": dict(report.passed),
                "failed": dict(report.failed),
                "failures": [
                    {"line": each.line, "kind": each.kind, "message": each.message}
                    for each in report.failures
                ],
            }
        )
        if not as_json:
            click.echo(f"{file}: {report}")
    if as_json:
        click.echo(json.dumps(reports, indent=2, ensure_ascii=False))
    if any("error" in each or each["failures"] for each in reports):
        raise click.exceptions.Exit(1)


def _features(file: str) -> int:
    """The features for a script: in a checkout of the suite they go by folder, else all are on."""
    from wasmwright.features import DEFAULT
    from wasmwright.script.suite import features_of

    path = Path(file).absolute().as_posix()
    for folder in ("/core/", "/proposals/", "/legacy/", "/custom/"):
        head, found, tail = path.rpartition(folder)
        if found and head:
            return features_of(folder[1:] + tail)
    return DEFAULT
