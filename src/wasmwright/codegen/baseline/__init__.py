"""The baseline tier: machine code by copying stencils and patching their holes.

Needs neither llvmlite nor LLVM: LLVM made the stencils (``dev/stencils``), which are data.
"""
