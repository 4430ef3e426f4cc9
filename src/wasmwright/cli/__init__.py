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
from wasmwright.codegen.options import DEFAULT_TIER, TIERS
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
    plain = _plain(args)
    if plain is not None:
        # Starts are worth it, click takes longer than all that a small program does.
        at, dirs, env, tier = plain
        with without_collector():  # which would look at what is imported, again and again
            from wasmwright.cli.program import run

            return run(args[at], args[at + 1 :], dirs=dirs, env=env, tier=tier)
    from wasmwright.cli.commands import run_command

    return run_command(args)


def _plain(args: list[str]) -> tuple[int, list[str], list[str], str] | None:
    """Where the file is of a `run` that has only options that many runs have, and these; or None.

    What follows the file is the program's. All else is for click to parse, wrong usage included.
    """
    if args[:1] != ["run"]:
        return None
    dirs: list[str] = []
    env: list[str] = []
    tier = DEFAULT_TIER
    at = 1
    while at + 1 < len(args) and args[at].startswith("-"):
        option, value = args[at], args[at + 1]
        if option == "--dir":
            dirs.append(value)
        elif option == "--env":
            env.append(value)
        elif option == "--tier" and value in TIERS:
            tier = value
        else:
            return None
        at += 2
    if at >= len(args) or args[at].startswith("-"):
        return None
    return at, dirs, env, tier


def _say(message: str) -> None:
    print(f"wasmwright: {message}", file=sys.stderr)  # noqa: T201


def _notes(error: BaseException) -> str:
    return "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
