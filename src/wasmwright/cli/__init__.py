"""The command line: ``wasmwright COMMAND``, one file a command.

Exit status: 0 done, 1 the input is wrong, 2 wrong usage, 130 interrupted, 134 a trap or an uncaught
exception; a WASI program's own exit code passes through.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn

from wasmwright.cli.inputs import InputError, without_collector
from wasmwright.errors import PlatformError, Trap, WasmError, WasmException


def main(args: list[str] | None = None) -> None:
    """Runs the command line and exits."""
    try:
        _leave(_run(sys.argv[1:] if args is None else args))
    except KeyboardInterrupt:
        _say("interrupted")
        _leave(130)
    except Trap as error:
        _say(f"trap: {error}{_notes(error)}")
        _leave(134)
    except WasmException as error:
        _say(f"uncaught exception: {error}{_notes(error)}")
        _leave(134)
    except InputError as error:
        _say(str(error))
        _leave(error.exit_code)
    except (WasmError, PlatformError, OSError, MemoryError) as error:
        _say(str(error))
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


def _run(args: list[str]) -> int:
    if len(args) > 1 and args[0] == "run" and not args[1].startswith("-"):
        # No option is given, so there is nothing to parse: what follows the file is the program's.
        # Starts are worth it, click takes longer than all that a small program does.
        with without_collector():  # which would look at what is imported, again and again
            from wasmwright.cli.program import run

            return run(args[1], args[2:])
    from wasmwright.cli.commands import run_command

    return run_command(args)


def _say(message: str) -> None:
    print(f"wasmwright: {message}", file=sys.stderr)  # noqa: T201


def _notes(error: BaseException) -> str:
    return "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
