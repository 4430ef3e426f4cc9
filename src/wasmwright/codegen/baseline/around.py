"""What surrounds stencils on an architecture: a function's head and end, jumps, shared places.

There is a module for each architecture that makes one: :mod:`x86_64`, :mod:`aarch64`.
"""

from __future__ import annotations


class Around:
    """Pieces of machine code, and where in them something has to be written.

    ``words``: instructions are words of 32 bits, so that a hole is an instruction which loads a
    literal (see ``Emitter.patch``), and a jump has its distance inside. Otherwise both are 32 bits
    somewhere in an instruction, of a jump its last ones.
    """

    def __init__(
        self,
        words: bool,
        head: bytes,
        check: bytes,
        check_size_at: int,
        check_overflow_at: int,
        make_slots: bytes,
        slots_size_at: int,
        end: bytes,
        leave: bytes,
        jump: bytes,
        jump_at: int,
        switch: bytes,
        switch_count_at: int,
        switch_default_at: int,
        land: bytes,
        filler: bytes,
        kept_pins: int,
        apart: bool,
        frame_address: int,
        saved: tuple[int, ...],
        first_slot: int,
        trap: bytes,
        throw: bytes,
        far_jump: bytes,
        pushed: int,
        framed: int,
        returning: bytes,
        leaving: bytes,
        leaving_at: int,
    ) -> None:
        self.words: bool = words
        # A function's head, up to where the stack is checked; that check, with the places of the
        # slots' size and of the jump if there is not enough; what makes the slots, and the place of
        # their size in it; a function's end; the same for a tail call.
        self.head: bytes = head
        self.check: bytes = check
        self.check_size_at: int = check_size_at
        self.check_overflow_at: int = check_overflow_at
        self.make_slots: bytes = make_slots
        self.slots_size_at: int = slots_size_at
        self.end: bytes = end
        self.leave: bytes = leave
        self.jump: bytes = jump
        self.jump_at: int = jump_at
        # A jump by the index in the first register. A table of distances from its first byte
        # follows.
        self.switch: bytes = switch
        self.switch_count_at: int = switch_count_at
        self.switch_default_at: int = switch_default_at
        # At a landing pad, where the stack pointer is as at any stencil.
        self.land: bytes = land
        self.filler: bytes = filler
        # Bits: which of the pinned registers a callee keeps.
        self.kept_pins: int = kept_pins
        # Whether no register of a parameter is one of an operand's or a local's; else they are the
        # same as on x86-64 (see `arguments`).
        self.apart: bool = apart
        # From the frame pointer: the canonical frame address; from there: where registers are
        # saved, and where the slots end.
        self.frame_address: int = frame_address
        self.saved: tuple[int, ...] = saved
        self.first_slot: int = first_slot
        # What `ww_trap` and `ww_throw` are; a jump to the address behind it.
        self.trap: bytes = trap
        self.throw: bytes = throw
        self.far_jump: bytes = far_jump
        # Bytes of a function's head after which the caller's frame pointer is on the stack, and
        # after which the frame pointer is the function's.
        self.pushed: int = pushed
        self.framed: int = framed
        # Instructions at which it is the caller's again; the second one, of a tail call, with what
        # is before it from `leaving_at` on.
        self.returning: bytes = returning
        self.leaving: bytes = leaving
        self.leaving_at: int = leaving_at
