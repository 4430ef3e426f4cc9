"""``wasmwright print``: binary to text."""

from __future__ import annotations

import click

from wasmwright.cli.inputs import errors_in, read_binary, without_collector, write
from wasmwright.cli.options import FILE, OUTPUT


@click.command("print")
@OUTPUT
@click.option("--fold", is_flag=True, help="Put operands in the parentheses of what takes them.")
@click.option("--offsets", is_flag=True, help="Say in comments where in the binary things are.")
@click.option("--no-names", is_flag=True, help="Number everything; do not use the name section.")
@FILE
@without_collector()
def command(file: str, output: str | None, fold: bool, offsets: bool, no_names: bool) -> None:
    """Show FILE in the text format.

    What is printed parses to the same module. Bodies that are not valid are printed as far as
    they go.
    """
    from wasmwright.text.printer import print_module

    data = read_binary(file)
    with errors_in(file):
        text = print_module(data, fold=fold, offsets=offsets, names=not no_names)
    write(output, text)
