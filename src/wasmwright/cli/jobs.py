"""Compiling from the command line: ``-j``, a progress bar on a terminal, and Ctrl-C at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wasmwright.runtime.jobs import Progress

JOBS = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Compile in this many threads; by default, one for each core.",
)


@contextmanager
def compiling(name: str) -> Iterator[Progress | None]:
    """What to tell how far compiling got; where Ctrl-C ends the process.

    Threads in LLVM would have to be waited for, which can take seconds, and there is nothing here
    to leave in order: the process ends by the signal itself, as a program without a handler does.
    """
    try:
        if not sys.stderr.isatty():
            yield None
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("compiling {task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(os.path.basename(name), total=None)

            def report(done: int, total: int, /) -> None:
                bar.update(task, completed=done, total=max(total, 1))

            yield report
    except KeyboardInterrupt:
        click.echo("wasmwright: interrupted", err=True)
        sys.stderr.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        raise
