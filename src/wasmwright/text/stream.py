"""The parser's place in a source, with the look-aheads and errors that every rule needs."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i32, i64

from wasmwright.text.errors import TextError, error_at
from wasmwright.text.lexer import Tokens
from wasmwright.text.numbers import integer
from wasmwright.text.strings import identifier, is_utf8, string
from wasmwright.text.tokens import END, ID, LPAR, NAT, RESERVED, RPAR, STRING

_U32_END: Final = 1 << 32
_MOST_SHOWN: Final = 40  # bytes of a token that a message shows


class Stream:
    """A position in ``tokens``: ``pos`` is the index of the next token."""

    __slots__ = ("data", "kinds", "pos", "tokens")

    def __init__(self, tokens: Tokens, pos: i64 = 0) -> None:
        self.tokens: Tokens = tokens
        self.data: bytes = tokens.data
        self.kinds: vec[i32] = tokens.kinds
        self.pos: i64 = pos

    # Errors

    def error_at(self, token: i64, message: str) -> TextError:
        """The error ``message`` at a token."""
        return error_at(self.data, i64(self.tokens.starts[token]), message)

    def error(self, message: str) -> TextError:
        """The error ``message`` at the next token."""
        return self.error_at(self.pos, message)

    def unexpected(self, expected: str) -> TextError:
        """The error of a next token that the grammar does not allow."""
        return self.unexpected_at(self.pos, expected)

    def unexpected_at(self, token: i64, expected: str) -> TextError:
        """The error of a token that the grammar does not allow."""
        if self.kinds[token] == RESERVED:
            return self.error_at(token, f"unknown operator {self.shown(token)}")
        return self.error_at(
            token, f"unexpected token: found {self.shown(token)}, expected {expected}"
        )

    def shown(self, token: i64) -> str:
        """A token as a message shows it."""
        if self.kinds[token] == END:
            return "the end of the source"
        text = self.text(token)
        if len(text) > _MOST_SHOWN:
            return text[:_MOST_SHOWN].decode("utf-8", "ignore") + "…"
        return text.decode()

    # Tokens

    def text(self, token: i64) -> bytes:
        """The bytes of a token."""
        tokens = self.tokens
        return self.data[i64(tokens.starts[token]) : i64(tokens.ends[token])]

    def kind(self) -> i64:
        """The kind of the next token."""
        return i64(self.kinds[self.pos])

    def at_list(self, word: i64) -> bool:
        """Whether a parenthesis and the keyword of kind ``word`` come next."""
        kinds = self.kinds
        return kinds[self.pos] == LPAR and i64(kinds[self.pos + 1]) == word

    def at_index(self) -> bool:
        """Whether an index or identifier comes next."""
        kind = self.kind()
        return kind == NAT or kind == ID

    def take(self, kind: i64) -> bool:
        """Step over the next token if it is of this kind; whether it was."""
        if i64(self.kinds[self.pos]) == kind:
            self.pos += 1
            return True
        return False

    def take_list(self, word: i64) -> bool:
        """Step over a parenthesis and the keyword of kind ``word``; whether they came next."""
        if self.at_list(word):
            self.pos += 2
            return True
        return False

    def expect(self, kind: i64, expected: str) -> None:
        """Step over the next token, which must be of this kind."""
        if i64(self.kinds[self.pos]) != kind:
            raise self.unexpected(expected)
        self.pos += 1

    def close(self) -> None:
        """Step over a closing parenthesis."""
        self.expect(RPAR, '")"')

    def list_end(self, token: i64) -> i64:
        """The token after the list that begins with the parenthesis ``token``.

        Where the source ends before the list does, that is its last token.
        """
        kinds = self.kinds
        depth: i64 = 0
        while True:
            kind = i64(kinds[token])
            if kind == LPAR:
                depth += 1
            elif kind == RPAR:
                depth -= 1
                if depth == 0:
                    return token + 1
            elif kind == END:
                return token
            token += 1

    # Literals

    def string(self) -> bytes:
        """The next token, a string."""
        pos = self.pos
        self.expect(STRING, "a string")
        tokens = self.tokens
        return string(self.data, i64(tokens.starts[pos]), i64(tokens.ends[pos]))

    def name(self) -> bytes:
        """The next token, a string whose content is UTF-8."""
        content = self.string()
        if not is_utf8(content):
            raise self.error_at(self.pos - 1, "malformed UTF-8 encoding")
        return content

    def strings(self) -> bytes:
        """The strings that come next, as one."""
        if self.kind() != STRING:
            return b""
        first = self.string()
        if self.kind() != STRING:
            return first
        parts = [first]
        while self.kind() == STRING:
            parts.append(self.string())
        return b"".join(parts)

    def identifier(self, token: i64) -> bytes:
        """The name in an identifier, without its dollar."""
        tokens = self.tokens
        found = identifier(self.data, i64(tokens.starts[token]), i64(tokens.ends[token]))
        if not is_utf8(found):
            raise self.error_at(token, "malformed UTF-8 encoding")
        return found

    def take_identifier(self) -> bytes:
        """The name in the next token if it is an identifier, else nothing."""
        if self.kinds[self.pos] != ID:
            return b""
        self.pos += 1
        return self.identifier(self.pos - 1)

    def unsigned(self, token: i64, skip: i64, bits: i64) -> int:
        """The unsigned integer of ``bits`` bits in a token, after its first ``skip`` characters."""
        tokens = self.tokens
        value = integer(self.data, i64(tokens.starts[token]) + skip, i64(tokens.ends[token]))
        if not 0 <= value < 1 << int(bits):
            raise self.error_at(token, f"i{bits} constant out of range: {self.shown(token)}")
        return value

    def nat(self, bits: i64, expected: str) -> int:
        """The next token, an unsigned integer of ``bits`` bits."""
        self.expect(NAT, expected)
        return self.unsigned(self.pos - 1, 0, bits)

    def u32(self, expected: str) -> i64:
        """The next token, an unsigned integer of 32 bits."""
        self.expect(NAT, expected)
        tokens = self.tokens
        pos = self.pos - 1
        value = integer(self.data, i64(tokens.starts[pos]), i64(tokens.ends[pos]))
        if not 0 <= value < _U32_END:
            raise self.error_at(pos, f"i32 constant out of range: {self.shown(pos)}")
        return value
