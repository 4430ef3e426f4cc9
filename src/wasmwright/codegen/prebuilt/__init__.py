"""The runtime's native parts, compiled beforehand: a file of machine code for each architecture.

Reading it needs neither llvmlite nor LLVM, which made it (``dev/native``).
"""
