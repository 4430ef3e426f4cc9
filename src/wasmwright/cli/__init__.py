"""The command line: ``wasmwright COMMAND``, one file a command.

Exit status: 0 done, 1 the input is wrong, 2 wrong usage, 130 interrupted, 134 a trap or an uncaught
exception; a WASI program's own exit code passes through.
"""

from __future__ import annotations

import atexit
import importlib
import os
import sys
from typing import NoReturn

import click

from wasmwright._build_info import VERSION, describe
from wasmwright.errors import PlatformError, Trap, WasmError, WasmException

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
    """The commands, imported on first use; and the one place where errors become messages."""

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


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, message=f"wasmwright {VERSION}, {describe()}")
def cli() -> None:
    """WebAssembly, whole, in Python.

    FILE is a module, binary or text (told apart by content); "-" is standard input.
    """


def main(args: list[str] | None = None) -> None:
    """Runs the command line and exits."""
    try:
        code = cli.main(args, prog_name="wasmwright", standalone_mode=False)
        _leave(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        _leave(130)
    except click.ClickException as error:
        error.show()
        _leave(error.exit_code)
    except KeyboardInterrupt:
        click.echo("wasmwright: interrupted", err=True)
        _leave(130)
    except Trap as error:
        click.echo(f"wasmwright: trap: {error}{_notes(error)}", err=True)
        _leave(134)
    except WasmException as error:
        click.echo(f"wasmwright: uncaught exception: {error}{_notes(error)}", err=True)
        _leave(134)
    except (WasmError, PlatformError, OSError, MemoryError) as error:
        click.echo(f"wasmwright: {error}", err=True)
        _leave(1)


def _leave(code: int) -> NoReturn:
    """Exits, without waiting for optimised code that nobody will run."""
    tiering = sys.modules.get("wasmwright.runtime.tiering")
    if tiering is not None and tiering.get().busy:
        tiering.get().abandon()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _notes(error: BaseException) -> str:
    return "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
