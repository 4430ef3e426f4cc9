"""The arguments and options that several commands have."""

from __future__ import annotations

import click

FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=str), default="-")
OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=str),
    help="Write to this file instead of standard output.",
)
