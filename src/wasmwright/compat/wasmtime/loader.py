"""Importing WebAssembly by importing this module, as the package had it: see `wasmwright.importer`.

It is that importer, with its rules for what a module may import.
"""

from wasmwright.importer import install

install()
