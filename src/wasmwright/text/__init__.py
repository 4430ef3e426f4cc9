"""The text format: lexer, parser, printer and scripts."""
