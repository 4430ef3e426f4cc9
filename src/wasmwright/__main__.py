"""``python -m wasmwright``."""

from wasmwright.cli import main

if __name__ == "__main__":
    main()
