"""Where operands can be, and how the variants of a stencil are numbered.

An operand is of one of two classes: *integers* (i32, i64, references) and *floats* (f32, f64,
v128). While straight-line code runs, values are in registers: the operands that were computed last
in ``REGISTERS`` registers of each class, in the order of the stack, and the most used locals in
``PINNED`` registers of each class. Everything else is in the frame, or is a constant.

A stencil has a variant for each combination of its operands' kinds of place, and for how many
registers the operands below its own take up: its operands in registers are the next ones, in
order, and its result goes to the first of them.
"""

from __future__ import annotations

from typing import Final

# Kinds of place.
REGISTER: Final = 0
PIN: Final = 1  # the first of PINNED kinds, one for each register of a local
FRAME: Final = 5
CONSTANT: Final = 6
KINDS: Final = 7

PINNED: Final = FRAME - PIN
REGISTERS: Final = 3

# What a hole of a stencil is filled with.
HOLE_FIRST: Final = 0  # by operand: its offset in the frame, or the constant
HOLE_SECOND: Final = 1
HOLE_THIRD: Final = 2
HOLE_EXTRA: Final = 3  # the immediate of a memory access, or an offset in the context
HOLE_MORE: Final = 4  # a second one
HOLE_TAKEN: Final = 5  # where a branch goes
HOLE_NEXT: Final = 6  # where control goes on, if that is not what follows
