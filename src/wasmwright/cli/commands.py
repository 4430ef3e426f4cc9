"""The commands as click has them, with the errors that it knows."""

from __future__ import annotations

import importlib

import click

from wasmwright._build_info import VERSION, describe

# Command -> the module it is in; imported when it is used, so that `--help` costs nothing.
_COMMANDS = (
    "run",
    "validate",
    "parse",
    "print",
    "dump",
    "compile",
    "stubs",
    "wast",
    "js",
    "serve",
)


class _Commands(click.Group):
    """The commands, imported on first use; and what click is not to handle."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(
            f"wasmwright.cli.{cmd_name}_" if cmd_name == "print" else f"wasmwright.cli.{cmd_name}"
        )
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _Interrupted from error  # click would print an empty line for it


class _Interrupted(Exception):
    """Ctrl-C, on its way past click."""


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, message=f"wasmwright {VERSION}, {describe()}")
def cli() -> None:
    """WebAssembly, whole, in Python.

    FILE is a module, binary or text (told apart by content); "-" is standard input.
    """


def run_command(args: list[str]) -> int:
    """Runs a command and gives its exit status; KeyboardInterrupt on Ctrl-C."""
    try:
        status = cli.main(args, prog_name="wasmwright", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except (_Interrupted, click.exceptions.Abort):
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return error.exit_code
