"""The store's objects and instances (spec: Execution > Runtime Structure)."""
