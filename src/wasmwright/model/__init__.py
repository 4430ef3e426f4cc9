"""What the decoder and the text parser produce: types, modules and code."""
