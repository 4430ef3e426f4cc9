"""What surrounds stencils on x86-64 (see :class:`around.Around`).

A frame, from its top: return address, the caller's rbp (where rbp points), rbx, r12 to r15 as the
caller had them, and the slots, at whose first byte r13 points. At each stencil the stack pointer is
8 below a multiple of 16, as at a function's first instruction.
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen.abi import CTX_RT, RT_STACK_LIMIT, RT_THROW, RT_TRAP
from wasmwright.codegen.baseline.around import Around

assert CTX_RT == RT_STACK_LIMIT == 0

# lea rsp, [rbp - 40]; pop r15 to r12, rbx, rbp
_GIVE_BACK: Final = bytes.fromhex("488d65d8 415f 415e 415d 415c 5b 5d")

AROUND: Final[Around] = Around(
    words=False,
    # push rbp; mov rbp, rsp; push rbx, r12 to r15; mov r12, rdi (ctx)
    head=bytes.fromhex("55 4889e5 53 4154 4155 4156 4157 4989fc"),
    # mov rax, [r12 + CTX_RT]; lea r10, [rsp - <size of the slots>];
    # cmp r10, [rax + RT_STACK_LIMIT]; jb <overflow>
    check=bytes.fromhex("498b0424 4c8d942400000000 4c3b10 0f8200000000"),
    check_size_at=8,
    check_overflow_at=17,
    # sub rsp, <size of the slots>; mov r13, rsp
    make_slots=bytes.fromhex("4881ec00000000 4989e5"),
    slots_size_at=3,
    end=_GIVE_BACK + b"\xc3",  # ret
    leave=_GIVE_BACK + b"\xff\xe0",  # the context being passed on; jmp rax
    jump=bytes.fromhex("e900000000"),
    jump_at=1,
    # cmp edi, <count>; jae <default>; lea rax, [rip + 8]; movsxd rcx, [rax + 4 * rdi];
    # add rax, rcx; jmp rax
    switch=bytes.fromhex("81ff00000000 0f8300000000 488d0509000000 48630cb8 4801c8 ffe0"),
    switch_count_at=2,
    switch_default_at=8,
    land=bytes.fromhex("4989e5"),  # mov r13, rsp
    filler=b"\xcc",
    kept_pins=1,
    apart=False,
    frame_address=16,
    saved=(-24, -32, -40, -48, -56),  # rbx, r12 to r15
    first_slot=-56,
    # mov rdi, r12; mov esi, r13d; mov rax, [r12 + CTX_RT]; jmp [rax + RT_TRAP]
    trap=bytes.fromhex("4c89e7 4489ee 498b0424 ff60") + bytes((RT_TRAP,)),
    # mov rdi, r12; mov rsi, r13; mov rax, [r12 + CTX_RT]; jmp [rax + RT_THROW]
    throw=bytes.fromhex("4c89e7 4c89ee 498b0424 ffa0") + RT_THROW.to_bytes(4, "little"),
    far_jump=bytes.fromhex("ff2500000000"),  # jmp [rip]
    pushed=1,
    framed=4,
    returning=b"\xc3",
    leaving=b"\x5d\xff\xe0",
    leaving_at=-1,
)
