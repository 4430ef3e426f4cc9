"""Native resources, given back when nothing in Python can use them any more.

A collection of garbage first clears weak references (and calls ``weakref.finalize``), then runs
finalisers, which may well call a function of the instance that is garbage with them, and only
then takes the objects apart. So what compiled code needs hangs on a *resource*: an object of a
native type that the collector does not track. It goes with the object that holds it, after every
finaliser.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from typing import Final

from wasmwright.runtime import native

# At the end of the process everything stays, since daemon threads may still run.
_ending: Final[list[bool]] = []
atexit.register(_ending.append, True)


def resource(release: Callable[..., None], *arguments: object) -> object:
    """An object that calls ``release`` when it goes, unless the interpreter is ending.

    Neither ``release`` nor its arguments may lead to the object that holds this.
    """
    # Not by its name: at the very end, a module's names are all None.
    ending = _ending

    def give_back() -> None:
        if not ending:
            release(*arguments)

    return native.get().new_resource(give_back)
