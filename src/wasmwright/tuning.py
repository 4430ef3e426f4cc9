"""Every knob of performance and resource use, with the reason for its value."""

from __future__ import annotations

from typing import Final

# Bytes of stack that stay free below the deepest wasm frame, for host functions, signal
# handlers and the trap path. CPython's own calls need a few KiB each.
STACK_RESERVE: Final = 192 * 1024

# A thread whose whole stack is smaller than this gives half of it to the reserve instead.
SMALL_STACK: Final = 512 * 1024

# Bytes of stack that must be left where wasm calls Python (or half of a smaller stack): as far
# as Python's own recursion limit lets it go. 500 nested sorts with a key function, its
# hungriest recursion known to us, take 1.9 MiB.
HOST_STACK: Final = 3 * 1024 * 1024

# Bytes of stack that LLVM gets: a compilation in a thread that has less left runs in a thread of
# its own.
COMPILER_STACK: Final = 4 * 1024 * 1024

# Seconds after which such a thread is taken not to come, for want of memory.
COMPILER_START: Final = 2.0

# Address space for machine code of wasm functions. Nothing is committed before it is used;
# relative jumps inside it need it to stay below 2 GiB.
CODE_ARENA: Final = 1 << 31
NATIVE_ARENA: Final = 1 << 26
# Bytes that are made writable ahead of what is placed there: one system call for several units.
ARENA_STEP: Final = 1 << 18

# Beyond the 4 GiB that a 32-bit address reaches lie 4 GiB that its constant offset reaches, and
# then the widest access.
GUARD_SIZE: Final = (1 << 33) + 65536

# Memories that are alive at once and reserve address space; a slot is 16 bytes of table.
MAX_REGIONS: Final = 65536

# How many bytes an explicitly checked memory reserves at most, so that it can grow in place.
MAX_RESERVATION: Final = 1 << 36

# Seconds a thread first waits before it looks again whether an instance is free, and at most.
BUSY_WAIT_FIRST: Final = 0.00005
BUSY_WAIT_MOST: Final = 0.005

# Seconds after which a request to stop is repeated at first, how often that is, and how many
# seconds it is later. Seconds after which the thread that does it ends for want of work.
STOP_AGAIN: Final = 0.001
STOP_TRIES: Final = 100
STOP_LATER: Final = 0.02
WATCHDOG_IDLE: Final = 30.0

# Seconds after which a thread that ran asyncio's calls ends for want of work.
WORKER_IDLE: Final = 30.0

# Seconds in which waiting for another thread is cut, to see whether to stop.
WAIT_PIECE: Final = 0.05

# LLVM's optimisation level for functions compiled on their first call, and ahead of time.
LAZY_LEVEL: Final = 2
EAGER_LEVEL: Final = 2

# The passes, at level 2, of a unit in which LLVM's own pipeline finds no more than they do: without
# loops to vectorise, checks to leave out, objects, or vectors. 120 units as calls make them, 20
# each of six modules: how much of their bytes is plain, and LLVM's time to that of its pipeline.
#
#     avr-ld 100 % 0.57   micropython 92 % 0.61   python312 95 % 0.68
#     quickjs 82 % 0.71   usvg 46 % 0.87          kotlin-app 3 % 0.97 (objects)
#
# All: 0.74, and objects 7 % smaller. In the whole pipeline passes are half of the time, here they
# are a sixth; the code generator is the rest. O1 in place of O2 would give 0.85, O2 without vectors
# of straight-line code 0.96, the code generator's level 1 0.95. The programs of bench/ take 1.01
# times the CPU time that they took before (0.94 to 1.09); with these passes for everything, casts
# of GC objects would take 2.5 times as long, and loops that vectorise twice as long.
PLAIN_PASSES: Final = (
    "always_inliner",
    "simplify_cfg",
    "sroa",
    "new_gvn",
    "instruction_combine",
    "simplify_cfg",
)
PLAIN_LEVEL: Final = 2

# Bytes of the longest body in such a unit, and values that come together at the ends and heads of
# its blocks (`bodies.merges`). NewGVN's memory may grow with the square of the one (5,000 additions
# of one local take 330 MB), and by 9 KB for each of the other.
PLAIN_BODY: Final = 16 * 1024
PLAIN_MERGES: Final = 10_000

# How many such values a unit may have to be optimised at all; others are compiled at level 0. In
# the modules of the corpus no function has more than 16,000. One made for that has 12 million in 90
# KB, for which O2 takes 77 s and 4.4 GB.
MOST_MERGES: Final = 200_000

# How many operands the branches and blocks of a function may carry (`bodies.carried`) for LLVM to
# compile it; others are left to the baseline tier. LLVM takes 3 KB for each at any level: 2,000
# blocks in each other with 1,000 results, of 20 KB, took 6.7 GB and ended in a stack overflow.
MOST_CARRIED: Final = 200_000

# Bytes of body up to which a function without calls is always inlined: about what LLVM's inliner
# would do, which is not among the plain passes.
INLINE_SIZE: Final = 48

# Bytes of bodies up to which a function's callees are compiled with it on its first call.
LAZY_UNIT: Final = 2000

# Bytes of body up to which a callee is compiled once more with a function that is hot. What is
# called most is hot first: left out of its callers' units, it could not be inlined there.
INLINED_AGAIN: Final = 256

# How far up a hot function's callers are compiled with it, where each is the only one of the next.
HOT_CALLERS: Final = 2

# Bytes of bodies up to which a function's callees are compiled with it by the baseline tier.
BASELINE_UNIT: Final = 16 * 1024

# Bytes of a code section up to which the baseline tier compiles all that is left, in less time than
# the functions take one after the other that are called; and after how many units it does so, since
# a program that calls next to nothing should not wait for all.
BASELINE_WHOLE: Final = 1 << 20
BASELINE_UNITS: Final = 8

# Calls of a function, and rounds of a loop, after which its baseline code asks for optimised code;
# rounds after which a loop looks whether that has come.
HOT_CALLS: Final = 1000
HOT_ROUNDS: Final = 5000
HOT_AGAIN: Final = 2000

# Seconds after the first such request until LLVM is loaded: a program that ends before then has no
# use for it, but would have to share the GIL with its import and wait for what it is about.
OPTIMISE_AFTER: Final = 0.25

# Seconds that the process's end waits for what LLVM is at.
EXIT_PATIENCE: Final = 0.1

# Bytes of body beyond which a function stays in baseline code: LLVM takes too long for it.
HOT_BODY: Final = 256 * 1024

# Bytes of body up to which a function without loops and calls runs with the GIL held, which is
# cheaper than to release and acquire it.
SHORT_BODY: Final = 500

# Bytes of memory up to which a process is worth keeping small while LLVM works in it.
SMALL_PROCESS: Final = 128 << 20

# Bytes of bodies in one unit of eager compilation: large enough to share LLVM's fixed costs
# and to inline, small enough to bound its memory.
EAGER_UNIT: Final = 64 * 1024

# Bytes that are asked for at a time of a stream that a module comes from.
STREAM_PIECE: Final = 64 * 1024

# Bytes that the cache of compiled code may take on disk, and how many new ones are gathered
# before they are written.
CACHE_SIZE: Final = 1 << 30
CACHE_FLUSH: Final = 1 << 20

# Address space for all garbage-collected heaps of the process; where the system does not give so
# much, a quarter of it is tried, and so on down to the least.
GC_ARENA: Final = 1 << 36
GC_ARENA_LEAST: Final = 1 << 28

# Bytes that one heap may take of it.
GC_HEAP_LIMIT: Final = 4 << 30

# Bytes given out for allocation after which a heap is collected, at least; a heap with more alive
# than that is collected when as much again was given out.
GC_THRESHOLD: Final = 16 << 20

# Python objects that wasm came to hold after which a heap is collected, at least; a heap with more
# alive waits longer. (Few, since nobody knows what such an object weighs.)
GC_PINS: Final = 256

# Least bytes of the stack of objects that a collection has yet to look into. What does not fit is
# found again, at a cost. The system provides what is touched of it.
GC_MARK_STACK: Final = 128 << 20
