"""Annotations with a meaning: names, custom sections, branch hints (spec: Appendix > Custom
Sections and Annotations; the branch hinting proposal).

Reads what the lexer listed; each place of the grammar where one may stand takes those that are
there. What is left at a module's end was misplaced.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from mypy_extensions import i64

from wasmwright.binary.sections import (
    CODE_SECTION,
    CUSTOM_SECTION,
    DATA_COUNT_SECTION,
    DATA_SECTION,
    ELEMENT_SECTION,
    EXPORT_SECTION,
    FUNCTION_SECTION,
    GLOBAL_SECTION,
    IMPORT_SECTION,
    MEMORY_SECTION,
    START_SECTION,
    TABLE_SECTION,
    TAG_SECTION,
    TYPE_SECTION,
)
from wasmwright.text.errors import TextError, error_at
from wasmwright.text.lexer import Annotation, Tokens, tokenize
from wasmwright.text.stream import Stream
from wasmwright.text.strings import is_utf8
from wasmwright.text.tokens import END, LPAR, RPAR, STRING

CUSTOM: Final = b"custom"
NAME: Final = b"name"
BRANCH_HINT: Final = b"metadata.code.branch_hint"

# What a placement calls the sections; `first` and `last` are before and after all of them.
FIRST: Final = -1
LAST: Final = -2
_SECTIONS: Final[dict[bytes, int]] = {
    b"first": FIRST,
    b"last": LAST,
    b"type": TYPE_SECTION,
    b"import": IMPORT_SECTION,
    b"func": FUNCTION_SECTION,
    b"table": TABLE_SECTION,
    b"memory": MEMORY_SECTION,
    b"tag": TAG_SECTION,
    b"global": GLOBAL_SECTION,
    b"export": EXPORT_SECTION,
    b"start": START_SECTION,
    b"elem": ELEMENT_SECTION,
    b"datacount": DATA_COUNT_SECTION,
    b"code": CODE_SECTION,
    b"data": DATA_SECTION,
}


class CustomSection:
    """A custom section, to be placed before or after the section ``place``."""

    __slots__ = ("after", "content", "name", "place")

    def __init__(self, name: bytes, content: bytes, after: bool, place: i64) -> None:
        self.name: bytes = name
        self.content: bytes = content
        self.after: bool = after
        self.place: i64 = place


class Annotations:
    """The annotations between two tokens of a source, by the token that follows them."""

    __slots__ = ("_data", "any", "by_token")

    def __init__(self, tokens: Tokens, first: i64, last: i64) -> None:
        self._data: bytes = tokens.data
        self.by_token: dict[int, list[Annotation]] = {}
        listed = tokens.annotations
        if listed:
            at = bisect_left([int(each.token) for each in listed], int(first))
            while at < len(listed) and listed[at].token <= last:
                self.by_token.setdefault(listed[at].token, []).append(listed[at])
                at += 1
        self.any: bool = len(self.by_token) != 0

    def error(self, annotation: Annotation, message: str) -> TextError:
        """The error ``message`` at an annotation."""
        return error_at(self._data, annotation.start, message)

    def take(self, token: i64, id: bytes) -> list[Annotation]:
        """The annotations of this id before a token, which are no longer listed then."""
        if not self.any:
            return []
        found = self.by_token.get(token)
        if found is None:
            return []
        taken = [each for each in found if each.id == id]
        left = [each for each in found if each.id != id]
        if left:
            self.by_token[token] = left
        else:
            del self.by_token[token]
        return taken

    def has_name(self, token: i64) -> bool:
        """Whether a name annotation is before a token."""
        if not self.any:
            return False
        for each in self.by_token.get(token, []):
            if each.id == NAME:
                return True
        return False

    def take_name(self, stream: Stream, what: str) -> bytes | None:
        """The name that an annotation before the next token gives, or None.

        ``what`` is what it names, for messages.
        """
        if not self.any:
            return None
        taken = self.take(stream.pos, NAME)
        if not taken:
            return None
        if len(taken) > 1:
            raise self.error(taken[1], f"@name annotation: multiple {what} names")
        return self._only_string(taken[0], "@name annotation")

    def _content(self, annotation: Annotation) -> Stream:
        return Stream(tokenize(self._data, annotation.content_start, annotation.content_end))

    def _only_string(self, annotation: Annotation, what: str) -> bytes:
        """The string that is all of an annotation's content, in UTF-8."""
        stream = self._content(annotation)
        if stream.kind() != STRING:
            raise self.error(annotation, f"{what}: string expected")
        name = stream.string()
        if not is_utf8(name):
            raise self.error(annotation, f"{what}: malformed UTF-8 encoding")
        if stream.kind() != END:
            raise stream.error(f"{what}: unexpected token {stream.shown(stream.pos)}")
        return name

    def take_custom(self, token: i64, into: list[CustomSection]) -> None:
        """Add the custom sections annotated before a token between the fields of a module."""
        if self.any:
            for annotation in self.take(token, CUSTOM):
                into.append(self._custom_section(annotation))

    def _custom_section(self, annotation: Annotation) -> CustomSection:
        stream = self._content(annotation)
        if stream.kind() != STRING:
            raise self.error(annotation, "@custom annotation: missing section name")
        name = stream.string()
        if not is_utf8(name):
            raise self.error(annotation, "@custom annotation: malformed UTF-8 encoding")
        after = True
        place: i64 = LAST
        if stream.take(LPAR):
            direction = stream.text(stream.pos)
            if direction != b"before" and direction != b"after":
                raise stream.error("@custom annotation: malformed placement")
            after = direction == b"after"
            stream.pos += 1
            place = _SECTIONS.get(stream.text(stream.pos), CUSTOM_SECTION)
            if place == CUSTOM_SECTION or place == (FIRST if after else LAST):
                raise stream.error("@custom annotation: malformed section kind")
            stream.pos += 1
            if not stream.take(RPAR):
                raise stream.error("@custom annotation: unexpected token")
        content = stream.strings()
        if stream.kind() != END:
            shown = stream.shown(stream.pos)
            raise stream.error(f"@custom annotation: unexpected token {shown}")
        return CustomSection(name, content, after, place)

    def branch_hint(self, token: i64) -> bytes:
        """The hint before the instruction that ``token`` begins, or nothing."""
        taken = self.take(token, BRANCH_HINT)
        what = "@metadata.code.branch_hint annotation"
        if not taken:
            return b""
        if len(taken) > 1:
            raise self.error(taken[1], f"{what}: duplicate annotation")
        stream = self._content(taken[0])
        hint = stream.strings()
        if stream.kind() != END:
            raise stream.error(f"{what}: unexpected token {stream.shown(stream.pos)}")
        if hint != b"\0" and hint != b"\1":
            raise self.error(taken[0], f"{what}: the hint is \\00 or \\01")
        return hint

    def check_all_taken(self) -> None:
        """Raise for the first annotation that stood where it has no meaning."""
        for left in self.by_token.values():
            if left[0].id == BRANCH_HINT:
                message = "@metadata.code.branch_hint annotation: not in a function, or nowhere"
                raise self.error(left[0], message)
            raise self.error(left[0], f"misplaced @{left[0].id.decode()} annotation")
