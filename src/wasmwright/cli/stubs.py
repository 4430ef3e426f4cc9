"""``wasmwright stubs``: type stubs for a module's exports."""

from __future__ import annotations

import os

import click

from wasmwright.cli.inputs import errors_in, read_binary, write
from wasmwright.cli.options import FILE, OUTPUT


@click.command("stubs")
@OUTPUT
@click.option("--class", "class_name", metavar="NAME", help="One class, for `instance.exports`.")
@FILE
def command(file: str, output: str | None, class_name: str | None) -> None:
    """Write Python type stubs (.pyi) for what FILE exports.

    Without --class they are those of a Python module, for files that `wasmwright.importer`
    imports.

    \b
    wasmwright stubs codec.wasm -o codec.pyi
    wasmwright stubs --class CodecExports codec.wasm >> types.py
    """
    from wasmwright.binary.decode import decode
    from wasmwright.tools.stubs import stubs
    from wasmwright.validate.module import validate

    if class_name is not None and not class_name.isidentifier():
        raise click.UsageError(f"{class_name!r} is no name for a class")
    data = read_binary(file)
    with errors_in(file):
        module = decode(data)
        validate(module)
    write(output, stubs(module, os.path.basename(file), class_name))
