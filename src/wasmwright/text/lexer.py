"""Source text to tokens (spec: Text Format > Lexical Format), in one pass without recursion.

Reads UTF-8; produces the kind, start and end of every token as vectors of numbers. White space,
comments and annotations make no tokens; annotations that mean something to us are listed.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i32, i64

from wasmwright.limits import MAX_MODULE_SIZE
from wasmwright.text.errors import error_at
from wasmwright.text.numbers import classify
from wasmwright.text.strings import BACKSLASH, QUOTE, escape_end, is_utf8, string
from wasmwright.text.tokens import (
    ALIGN_EQ,
    END,
    ID,
    KEYWORDS,
    LPAR,
    NAT,
    OFFSET_EQ,
    RESERVED,
    RPAR,
    STRING,
)

# Classes of characters; those from LOWER to OTHER may stand in an identifier.
_ILLEGAL: Final = 0
_SPACE: Final = 1
_LOWER: Final = 2
_DIGIT: Final = 3
_SIGN: Final = 4
_DOLLAR: Final = 5
_OTHER: Final = 6
_OPEN: Final = 7
_CLOSE: Final = 8
_SEMICOLON: Final = 9
_QUOTE: Final = 10
_PUNCTUATION: Final = 11


def _class_of(char: str) -> int:
    if char in " \t\n\r":
        return _SPACE
    if "a" <= char <= "z":
        return _LOWER
    if "0" <= char <= "9":
        return _DIGIT
    if char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ!#%&'*./:<=>?@\\^_`|~":
        return _OTHER
    named = {"+": _SIGN, "-": _SIGN, "$": _DOLLAR, "(": _OPEN, ")": _CLOSE, ";": _SEMICOLON}
    named.update({'"': _QUOTE, ",": _PUNCTUATION, "[": _PUNCTUATION, "]": _PUNCTUATION})
    named.update({"{": _PUNCTUATION, "}": _PUNCTUATION})
    return named.get(char, _ILLEGAL)


_CLASSES: Final = bytes([_class_of(chr(c)) for c in range(256)])

_CHAR_CLOSE: Final = 0x29
_CHAR_OPEN: Final = 0x28
_CHAR_SEMICOLON: Final = 0x3B
_CHAR_AT: Final = 0x40
_CHAR_ZERO: Final = 0x30
_CHAR_NINE: Final = 0x39
_CHAR_EQUALS: Final = 0x3D
_NEWLINE: Final = 0x0A
_CARRIAGE_RETURN: Final = 0x0D
_SPACE_CHAR: Final = 0x20
_DELETE: Final = 0x7F

_ALIGN: Final = b"align="
_OFFSET: Final = b"offset="

# The annotations that are not white space to us.
KNOWN_ANNOTATIONS: Final = frozenset({b"custom", b"name", b"metadata.code.branch_hint"})


class Annotation:
    """An annotation: its id, where it is (from its parenthesis on), and where its content is.

    ``token`` is the index of the token after it.
    """

    __slots__ = ("content_end", "content_start", "id", "start", "token")

    def __init__(
        self, id: bytes, token: i64, start: i64, content_start: i64, content_end: i64
    ) -> None:
        self.id: bytes = id
        self.token: i64 = token
        self.start: i64 = start
        self.content_start: i64 = content_start
        self.content_end: i64 = content_end


class Tokens:
    """The tokens of ``data``: by index their kinds, and the offsets where they start and end.

    The last is ``END``. ``annotations`` holds the known ones in order.
    """

    __slots__ = ("annotations", "data", "ends", "kinds", "starts")

    def __init__(
        self,
        data: bytes,
        kinds: vec[i32],
        starts: vec[i32],
        ends: vec[i32],
        annotations: list[Annotation],
    ) -> None:
        self.data: bytes = data
        self.kinds: vec[i32] = kinds
        self.starts: vec[i32] = starts
        self.ends: vec[i32] = ends
        self.annotations: list[Annotation] = annotations


def source_bytes(source: str | bytes) -> bytes:
    """The UTF-8 of a source, checked."""
    data = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    if len(data) > MAX_MODULE_SIZE:
        raise error_at(data[:0], 0, f"module too large: it is over {MAX_MODULE_SIZE} bytes")
    if not is_utf8(data):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise error_at(data, error.start, "malformed UTF-8 encoding") from None
    return data


def tokenize(data: bytes, pos: i64, size: i64) -> Tokens:
    """The tokens of ``data[pos:size]``, whose UTF-8 has been checked."""
    kinds = vec[i32]()
    starts = vec[i32]()
    ends = vec[i32]()
    annotations: list[Annotation] = []
    keywords = KEYWORDS
    kind: i64 = END
    while pos < size:
        start = pos
        char_class: i64 = _CLASSES[data[pos]]
        pos += 1
        if char_class == _SPACE:
            continue
        if char_class == _OPEN:
            kind = LPAR
            if pos < size:
                char: i64 = data[pos]
                if char == _CHAR_SEMICOLON:
                    pos = _comment_end(data, start, size)
                    continue
                if char == _CHAR_AT:
                    annotation = _annotation(data, start, size, len(kinds))
                    pos = annotation.content_end + 1
                    if annotation.id in KNOWN_ANNOTATIONS:
                        annotations.append(annotation)
                    continue
        elif char_class == _CLOSE:
            kind = RPAR
        elif char_class == _SEMICOLON:
            if pos < size and data[pos] == _CHAR_SEMICOLON:
                pos = _line_end(data, pos, size)
                continue
            kind = RESERVED
        elif _LOWER <= char_class <= _OTHER:
            pos = _word_end(data, pos, size)
            if char_class == _LOWER:
                found = keywords.get(data[start:pos])
                kind = _rare_word(data, start, pos) if found is None else found
            elif char_class == _DIGIT:
                kind = _number(data, start, pos)
            elif char_class == _DOLLAR:
                kind = ID
            elif char_class == _SIGN:
                kind = classify(data, start, pos)
            else:
                kind = RESERVED
            if pos < size and data[pos] == QUOTE:
                if pos == start + 1 and char_class == _DOLLAR:
                    pos = string_end(data, pos, size, "empty identifier")
                    if pos == start + 3:
                        raise error_at(data, start, "empty identifier")
                else:
                    kind = RESERVED
                if kind == RESERVED or _goes_on(data, pos, size):
                    kind = RESERVED
                    pos = _reserved_end(data, pos, size)
            elif pos == start + 1 and char_class == _DOLLAR:
                raise error_at(data, start, "empty identifier")
        elif char_class == _QUOTE:
            pos = string_end(data, start, size, "")
            kind = STRING
            if _goes_on(data, pos, size):
                kind = RESERVED
                pos = _reserved_end(data, pos, size)
        elif char_class == _PUNCTUATION:
            kind = RESERVED
        else:
            raise _illegal(data, start)
        kinds = append(kinds, i32(kind))
        starts = append(starts, i32(start))
        ends = append(ends, i32(pos))
    # The second END is what a look beyond the first sees.
    for _ in range(2):
        kinds = append(kinds, i32(END))
        starts = append(starts, i32(size))
        ends = append(ends, i32(size))
    return Tokens(data, kinds, starts, ends, annotations)


def _word_end(data: bytes, pos: i64, size: i64) -> i64:
    while pos < size:
        char_class: i64 = _CLASSES[data[pos]]
        if char_class < _LOWER or char_class > _OTHER:
            break
        pos += 1
    return pos


def _goes_on(data: bytes, pos: i64, size: i64) -> bool:
    """Whether a token that ends in a string at ``pos`` has more to it, and so is reserved."""
    if pos >= size:
        return False
    char_class: i64 = _CLASSES[data[pos]]
    return _LOWER <= char_class <= _OTHER or char_class == _QUOTE


def _reserved_end(data: bytes, pos: i64, size: i64) -> i64:
    while _goes_on(data, pos, size):
        if data[pos] == QUOTE:
            pos = string_end(data, pos, size, "")
        else:
            pos = _word_end(data, pos, size)
    return pos


def _number(data: bytes, start: i64, end: i64) -> i64:
    """The kind of a word that begins with a digit."""
    pos = start
    while pos < end:
        char: i64 = data[pos]
        if char < _CHAR_ZERO or char > _CHAR_NINE:
            return classify(data, start, end)
        pos += 1
    return NAT


def _rare_word(data: bytes, start: i64, end: i64) -> i64:
    """The kind of a word that begins with a lower-case letter and is not in ``KEYWORDS``."""
    if end - start > 6 and data[start + 5] == _CHAR_EQUALS and data[start : start + 6] == _ALIGN:
        return ALIGN_EQ if _number(data, start + 6, end) == NAT else RESERVED
    if end - start > 7 and data[start + 6] == _CHAR_EQUALS and data[start : start + 7] == _OFFSET:
        return OFFSET_EQ if _number(data, start + 7, end) == NAT else RESERVED
    return classify(data, start, end)


def string_end(data: bytes, pos: i64, size: i64, message: str) -> i64:
    """Where the string literal that begins at ``pos`` ends.

    ``message`` is what is wrong where none does; empty for the literal's own error.
    """
    start = pos
    pos += 1
    while pos < size:
        char: i64 = data[pos]
        if char == QUOTE:
            return pos + 1
        if char == BACKSLASH:
            after = escape_end(data, pos)
            if after < 0 or after > size:
                raise error_at(data, pos, message or "illegal escape in string literal")
            pos = after
        elif char < _SPACE_CHAR or char == _DELETE:
            break
        else:
            pos += 1
    if message:
        raise error_at(data, start, message)
    if pos < size and data[pos] != _NEWLINE and data[pos] != _CARRIAGE_RETURN:
        raise error_at(data, pos, "illegal control character in string literal")
    raise error_at(data, start, "unclosed string literal")


def _line_end(data: bytes, pos: i64, size: i64) -> i64:
    """Where the line comment that ``pos`` is in ends."""
    while pos < size and data[pos] != _NEWLINE and data[pos] != _CARRIAGE_RETURN:
        pos += 1
    return pos


def _comment_end(data: bytes, start: i64, size: i64) -> i64:
    """Where the block comment that begins at ``start`` ends."""
    depth: i64 = 1
    pos = start + 2
    while depth > 0:
        semicolon: i64 = data.find(b";", pos, size)
        if semicolon < 0:
            raise error_at(data, start, "unclosed comment")
        if semicolon > pos and data[semicolon - 1] == _CHAR_OPEN:
            depth += 1
            pos = semicolon + 1
        elif semicolon + 1 < size and data[semicolon + 1] == _CHAR_CLOSE:
            depth -= 1
            pos = semicolon + 2
        else:
            pos = semicolon + 1
    return pos


def _annotation(data: bytes, start: i64, size: i64, token: i64) -> Annotation:
    """The annotation that begins at ``start``."""
    pos = start + 2
    id_start = pos
    if pos < size and data[pos] == QUOTE:
        pos = string_end(data, pos, size, "empty annotation id")
        id = string(data, id_start, pos)
        if not is_utf8(id):
            raise error_at(data, id_start, "malformed UTF-8 encoding")
    else:
        pos = _word_end(data, pos, size)
        id = data[id_start:pos]
    if not id:
        raise error_at(data, start, "empty annotation id")
    return Annotation(id, token, start, pos, _annotation_end(data, start, pos, size))


def _annotation_end(data: bytes, start: i64, pos: i64, size: i64) -> i64:
    """Where the parenthesis is that closes an annotation whose content begins at ``pos``."""
    depth: i64 = 1
    while pos < size:
        char_class: i64 = _CLASSES[data[pos]]
        if char_class == _OPEN:
            if pos + 1 < size and data[pos + 1] == _CHAR_SEMICOLON:
                pos = _comment_end(data, pos, size)
                continue
            depth += 1
        elif char_class == _CLOSE:
            depth -= 1
            if depth == 0:
                return pos
        elif char_class == _SEMICOLON:
            if pos + 1 < size and data[pos + 1] == _CHAR_SEMICOLON:
                pos = _line_end(data, pos, size)
                continue
        elif char_class == _QUOTE:
            pos = string_end(data, pos, size, "")
            continue
        elif char_class == _ILLEGAL:
            raise _illegal(data, pos)
        pos += 1
    raise error_at(data, start, "unclosed annotation")


def _illegal(data: bytes, pos: i64) -> Exception:
    char = data[pos : pos + 4].decode("utf-8", "ignore")[:1]
    return error_at(data, pos, f"illegal character U+{ord(char):04X}")
