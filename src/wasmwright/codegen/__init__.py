"""From validated bodies to machine code: the ABI, the backends, the object loader."""
