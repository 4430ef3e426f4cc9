"""The development server: a folder over HTTP, with WebAssembly as the Web wants it, and View Source."""
