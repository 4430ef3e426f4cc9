"""What surrounds stencils on x86-64: a function's head and end, jumps, and the shared places.

A frame, from its top: return address, the caller's rbp (where rbp points), rbx, r12 to r15 as the
caller had them, and the slots, at whose first byte r13 points. At each stencil the stack pointer is
8 below a multiple of 16, as at a function's first instruction.
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen.abi import CTX_RT, RT_STACK_LIMIT, RT_THROW, RT_TRAP

# push rbp; mov rbp, rsp; push rbx, r12 to r15; mov r12, rdi (ctx)
HEAD: Final = bytes.fromhex("55 4889e5 53 4154 4155 4156 4157 4989fc")
# mov rax, [r12 + CTX_RT]; lea r10, [rsp - <size of the slots>]; cmp r10, [rax + RT_STACK_LIMIT];
# jb <overflow>
CHECK: Final = bytes.fromhex("498b0424 4c8d942400000000 4c3b10 0f8200000000")
CHECK_SIZE_AT: Final = 8
CHECK_OVERFLOW_AT: Final = 17
assert CTX_RT == RT_STACK_LIMIT == 0
# sub rsp, <size of the slots>; mov r13, rsp
MAKE_SLOTS: Final = bytes.fromhex("4881ec00000000 4989e5")
SLOTS_SIZE_AT: Final = 3
# lea rsp, [rbp - 40]; pop r15 to r12, rbx, rbp; ret
END: Final = bytes.fromhex("488d65d8 415f 415e 415d 415c 5b 5d c3")
# The same without ret, the context being passed on; jmp rax
LEAVE: Final = bytes.fromhex("488d65d8 415f 415e 415d 415c 5b 5d ffe0")
JUMP: Final = bytes.fromhex("e900000000")
JUMP_AT: Final = 1

# cmp edi, <count>; jae <default>; lea rax, [rip + 8]; movsxd rcx, [rax + 4 * rdi];
# add rax, rcx; jmp rax; the table of distances from its first byte
SWITCH: Final = bytes.fromhex("81ff00000000 0f8300000000 488d0509000000 48630cb8 4801c8 ffe0")
SWITCH_COUNT_AT: Final = 2
SWITCH_DEFAULT_AT: Final = 8

# From rbp: the canonical frame address; from there: where rbx, r12 to r15 are saved.
FRAME_ADDRESS: Final = 16
SAVED: Final = (-24, -32, -40, -48, -56)
# And where the slots end; the stack pointer is at their beginning.
FIRST_SLOT: Final = -56

# mov rdi, r12; mov esi, r13d; mov rax, [r12 + CTX_RT]; jmp [rax + RT_TRAP]: what `ww_trap` is.
TRAP: Final = bytes.fromhex("4c89e7 4489ee 498b0424 ff60") + bytes((RT_TRAP,))
# mov rdi, r12; mov rsi, r13; mov rax, [r12 + CTX_RT]; jmp [rax + RT_THROW]: `ww_throw`.
THROW: Final = bytes.fromhex("4c89e7 4c89ee 498b0424 ffa0") + RT_THROW.to_bytes(4, "little")
# mov r13, rsp: at a landing pad, where the stack pointer is as at any stencil.
LAND: Final = bytes.fromhex("4989e5")


def jump_to(address: int) -> bytes:
    """A jump to anywhere."""
    return bytes.fromhex("ff2500000000") + address.to_bytes(8, "little")
