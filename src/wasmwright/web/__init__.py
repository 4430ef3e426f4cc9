"""The Web side: the JavaScript polyfill, and what Python does with it."""
