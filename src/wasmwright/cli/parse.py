"""``wasmwright parse``: text to binary."""

from __future__ import annotations

import click

from wasmwright.cli.inputs import errors_in, read, without_collector, write
from wasmwright.cli.options import FILE, OUTPUT


@click.command("parse")
@OUTPUT
@click.option("--validate", "check", is_flag=True, help="Fail if the module is not valid.")
@FILE
@without_collector()
def command(file: str, output: str | None, check: bool) -> None:
    """Assemble FILE, a module in the text format, to the binary format.

    \b
    wasmwright parse add.wat -o add.wasm
    wasmwright parse - < add.wat > add.wasm
    """
    from wasmwright.binary.decode import decode
    from wasmwright.text import parse
    from wasmwright.validate.module import validate

    source = read(file)
    with errors_in(file):
        binary = parse(source)
        if check:
            validate(decode(binary))
    write(output, binary)
