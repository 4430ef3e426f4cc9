"""``wasmwright validate``: whether modules are valid."""

from __future__ import annotations

import click

from wasmwright.cli.inputs import InputError, errors_in, read_binary, without_collector


@click.command("validate")
@click.argument("files", nargs=-1, type=click.Path(dir_okay=False))
@without_collector()
def command(files: tuple[str, ...]) -> None:
    """Check FILES (standard input by default); silent if all are valid.

    The first error of each invalid module is printed with its offset, and the exit status is 1.
    """
    from wasmwright.binary.decode import decode
    from wasmwright.validate.module import validate

    failed = False
    for file in files or ("-",):
        try:
            data = read_binary(file)
            with errors_in(file):
                validate(decode(data))
        except InputError as error:
            click.echo(f"wasmwright: {error}", err=True)
            failed = True
    if failed:
        raise click.exceptions.Exit(1)
