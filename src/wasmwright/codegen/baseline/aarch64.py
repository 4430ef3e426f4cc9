"""What surrounds stencils on AArch64 (see :class:`around.Around`).

A frame, from its top: d8 to d15 and x19 to x28 as the caller had them, the frame record, where x29
points, and the slots, at whose first byte x21 points. The word before a function is the size of its
slots. At each stencil the stack pointer is where the slots begin.
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen.abi import CTX_RT, RT_STACK_LIMIT, RT_THROW, RT_TRAP
from wasmwright.codegen.arch import a64
from wasmwright.codegen.baseline.around import Around

_CTX: Final = 20
_FRAME: Final = 21
_INDEX: Final = 27  # the first register of operands
_CODE: Final = 0  # where a tail call has the callee's code; the context is in the first register

_SAVED: Final = (*((a64.X, i) for i in range(19, 29, 2)), *((a64.D, i) for i in range(8, 16, 2)))
_SIZE: Final = 16 + 16 * len(_SAVED)

_GIVE_BACK: Final = (
    a64.add(a64.SP, a64.FP, 0),
    *(a64.load_pair(k, i, i + 1, a64.SP, 16 + 16 * n) for n, (k, i) in enumerate(_SAVED)),
    a64.pop_frame(_SIZE),
)
_RETURN: Final = 0xD65F03C0  # ret


def _into_runtime(slot: int) -> bytes:
    """Goes on in a function of the runtime block, with the first two registers as parameters."""
    words = [a64.move(0, _CTX), a64.move(1, _FRAME), a64.load(16, _CTX, CTX_RT)]
    return a64.code([*words, a64.load(16, 16, slot), a64.branch_to(16)])


AROUND: Final[Around] = Around(
    words=True,
    head=a64.code(
        [
            a64.push_frame(_SIZE),
            a64.add(a64.FP, a64.SP, 0),
            *(a64.store_pair(k, i, i + 1, a64.SP, 16 + 16 * n) for n, (k, i) in enumerate(_SAVED)),
            a64.move(_CTX, 0),
        ]
    ),
    # ldr w17, <size of the slots>; ldr x16, [x20, CTX_RT]; sub x17, sp, x17;
    # ldr x16, [x16, RT_STACK_LIMIT]; cmp x17, x16; b.hs . + 8; b <overflow>
    check=a64.code(
        [
            0x18000000 | 17,
            a64.load(16, _CTX, CTX_RT),
            0xCB3163F1,
            a64.load(16, 16, RT_STACK_LIMIT),
            0xEB10023F,
            0x54000040 | a64.NOT_LOWER,
            a64.branch(0),
        ]
    ),
    check_size_at=0,
    check_overflow_at=24,
    # ldr w16, <size of the slots>; sub sp, sp, x16; mov x21, sp
    make_slots=a64.code([0x18000000 | 16, 0xCB3063FF, a64.add(_FRAME, a64.SP, 0)]),
    slots_size_at=0,
    end=a64.code([*_GIVE_BACK, _RETURN]),
    leave=a64.code(
        [a64.move(17, _CODE), a64.move(0, _INDEX), *_GIVE_BACK, a64.branch_to(17)],
    ),
    jump=a64.code([a64.branch(0)]),
    jump_at=0,
    # ldr w16, <count>; cmp w27, w16; b.lo . + 8; b <default>; adr x16, . + 16;
    # ldrsw x17, [x16, w27, uxtw #2]; add x16, x16, x17; br x16
    switch=a64.code(
        [
            0x18000000 | 16,
            0x6B00001F | 16 << 16 | _INDEX << 5,
            0x54000040 | a64.LOWER,
            a64.branch(0),
            a64.address(16, 16),
            0xB8A05800 | _INDEX << 16 | 16 << 5 | 17,
            0x8B000000 | 17 << 16 | 16 << 5 | 16,
            a64.branch_to(16),
        ]
    ),
    switch_count_at=0,
    switch_default_at=12,
    land=a64.code([a64.add(_FRAME, a64.SP, 0)]),
    filler=b"\0",
    kept_pins=0b1111,
    apart=True,
    frame_address=_SIZE,
    saved=tuple(16 + 8 * i - _SIZE for i in range(2 * len(_SAVED))),
    first_slot=-_SIZE,
    trap=_into_runtime(RT_TRAP),
    throw=_into_runtime(RT_THROW),
    far_jump=a64.code([a64.load_near(16, 8), a64.branch_to(16)]),
    pushed=8,
    framed=8,
    returning=a64.code([_RETURN]),
    leaving=a64.code([a64.branch_to(17)]),
    leaving_at=0,
)
