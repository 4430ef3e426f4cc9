"""``wasmwright js``: a module to JavaScript, ahead of time."""

from __future__ import annotations

from pathlib import Path

import click

from wasmwright.cli.inputs import FILE, OUTPUT, InputError, errors_in, read_binary, write


@click.command("js")
@OUTPUT
@click.option("--min", "minify", is_flag=True, help="Leave comments and space out of the runtime.")
@click.option("--types", is_flag=True, help="Also write TypeScript declarations beside the output.")
@click.option(
    "--engine",
    type=click.Choice(["node", "quickjs"]),
    help="The JavaScript engine that runs the translator; the first that is there by default.",
)
@FILE
def command(file: str, output: str | None, minify: bool, types: bool, engine: str | None) -> None:
    """Translate FILE to an ES module that exports instantiate(imports).

    \b
    wasmwright js add.wasm -o add.mjs
    import { instantiate } from "./add.mjs"; instantiate({}).add(2, 3)

    The result needs neither WebAssembly nor eval. Translating needs node or the package quickjs.
    """
    from wasmwright.web.ahead import NoEngineError, declarations, es_module

    if types and (output is None or output == "-"):
        raise click.UsageError("--types needs an output file: give one with -o")
    binary = read_binary(file)
    with errors_in(file):
        try:
            text = es_module(binary, engine=engine, minify=minify)
        except NoEngineError as error:
            raise InputError(str(error)) from error
        write(output, text)
        if types:
            assert output is not None
            path = Path(output)
            suffix = ".d.mts" if path.suffix == ".mjs" else ".d.ts"
            write(str(path.with_suffix(suffix)), declarations(binary))
