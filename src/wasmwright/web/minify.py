"""JavaScript made short: without comments and space, with short names.

It is for the polyfill's own modules, joined: they end statements with semicolons, have no labels, and
what they say at the top level is not what generated code says but for reserved names. Variables inside
a declaration of the top level get names that begin anew in each, in the order in which they come (so
that functions begin alike, which compresses well), those of the top level are the same everywhere. A
property gets another name, everywhere, where it is the source's own: defined there, no name of
JavaScript's or of what the library offers (``KEPT``), and in no literal, which may name it.
"""

from __future__ import annotations

import itertools
import re
import string
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

NAME: Final = 1
LITERAL: Final = 2  # a string, a number, a regular expression
TEMPLATE: Final = 3  # a template, or a piece of one up to or from an expression
MARK: Final = 4

VARIABLE: Final = 1
PROPERTY: Final = 2
BOTH: Final = VARIABLE | PROPERTY

KEYWORDS: Final = frozenset(
    "as async await break case catch class const continue debugger default delete do else eval "
    "export extends false finally for from function get globalThis if import in instanceof let new "
    "null of return set static super switch this throw true try typeof undefined var void while "
    "with yield arguments".split()
)
# Properties that are JavaScript's too, that callers give or take, that other modules know by name, or
# whose names are put together (`i${bits}`).
KEPT: Final = frozenset(
    (
        "aheadOfTime anyfunc assign at bind body buffer builtins bytes cause code configurable "
        "constructor count create done element entries enumerable exported exports externref f32 "
        "f64 fill flags force funcref grow has high host i16 i32 i64 i8 index initial install "
        "instance kind length max maximum message min module mutable name next ok parameters "
        "pathname pop push results scope search shared shift slice test transfer type u16 u32 u64 "
        "u8 url value valueOf values writable"
    ).split()
)

_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+|//[^\n]*|/\*.*?\*/)
    | (?P<name>[A-Za-z_$][\w$]*)
    | (?P<number>0[xX][0-9a-fA-F]+n?|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?n?)
    | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<mark>=>|\.\.\.|[-+]{2}|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_REGEX: Final = re.compile(r"/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_TEMPLATE: Final = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*(?:`|\$\{)", re.DOTALL)
# A slash behind these divides; behind anything else it begins a regular expression.
_VALUE_ENDS: Final = frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the source: its kind and its text."""

    kind: int
    text: str


def tokens(source: str) -> list[Token]:
    """The tokens of a source, without space and comments. ValueError where a literal does not end."""
    found: list[Token] = []
    braces: list[bool] = []  # of the open braces, whether each is a template's
    at = 0
    while at < len(source):
        character = source[at]
        kind = MARK
        if character == "`" or (character == "}" and braces and braces[-1]):
            if character == "}":
                braces.pop()
            match = _TEMPLATE.match(source, at + 1)
            kind = TEMPLATE
            if match is not None and match.group().endswith("{"):
                braces.append(True)
        elif character == "/" and source[at + 1] not in "/*" and _begins_regex(found):
            match = _REGEX.match(source, at)
            kind = LITERAL
        else:
            match = _TOKEN.match(source, at)
            if match is not None and match["name"]:
                kind = NAME
            elif match is not None and (match["number"] or match["string"]):
                kind = LITERAL
        if match is None:
            raise ValueError(f"a literal does not end: {source[at : at + 40]!r}")
        if kind == MARK and character == "{":
            braces.append(False)
        elif kind == MARK and character == "}":
            braces.pop()
        if kind == TEMPLATE or not match.groupdict().get("space"):
            found.append(Token(kind, source[at : match.end()]))
        at = match.end()
    return found


def _begins_regex(before: list[Token]) -> bool:
    if not before:
        return True
    last = before[-1]
    if last.kind == NAME:
        return last.text in ("return", "typeof", "case", "in", "of")
    if last.kind == TEMPLATE:
        return last.text.endswith("${")
    return last.kind == MARK and last.text not in _VALUE_ENDS


def roles(found: list[Token]) -> list[int]:
    """What each name is: ``VARIABLE``, ``PROPERTY``, both (a shorthand), or 0; of other tokens 0."""
    result = [0] * len(found)
    opened: list[str] = []  # ( [ and of braces what they are: block, object, class
    is_case = False
    case_colon = False
    for index, token in enumerate(found):
        before = found[index - 1] if index else Token(MARK, ";")
        text = token.text
        if token.kind == NAME:
            if text in ("case", "default"):
                is_case = True
            if text not in KEYWORDS or before.text == ".":
                after = found[index + 1].text if index + 1 < len(found) else ";"
                result[index] = _role(opened[-1] if opened else "", before.text, after)
        elif token.kind == TEMPLATE:
            if text[0] == "}":
                opened.pop()
            if text.endswith("${"):
                opened.append("${")
        elif text == "{":
            opened.append(_brace(found, index, case_colon))
        elif text in ("(", "["):
            opened.append(text)
        elif text in (")", "]", "}"):
            opened.pop()
        case_colon = is_case and text == ":"
        is_case = is_case and not case_colon
    return result


def _brace(found: list[Token], index: int, case_colon: bool) -> str:
    """What a brace opens."""
    before = found[index - 1] if index else Token(MARK, ";")
    if before.text == "class" or (index > 1 and found[index - 2].text in ("class", "extends")):
        return "class"
    blocks = (")", "=>", ";", "{", "}", "else", "try", "finally", "do")
    return "block" if case_colon or before.text in blocks else "object"


def _role(inside: str, before: str, after: str) -> int:
    if before == ".":
        return PROPERTY
    if inside == "class" and before in ("{", "}", ";", "get", "set", "static", "async"):
        return PROPERTY
    if inside == "object" and before in ("{", ",", "get", "set", "async"):
        if after in (":", "("):
            return PROPERTY
        return BOTH
    return VARIABLE


def declarations(found: list[Token]) -> list[tuple[int, int]]:
    """The statements of the top level, each from where to where."""
    result = []
    first = depth = 0
    for index, token in enumerate(found):
        depth += _depth(token)
        if depth == 0 and token.text in (";", "}"):
            result.append((first, index + 1))
            first = index + 1
    return result


def pieces(found: list[Token], first: int, last: int) -> Iterator[tuple[int, int]]:
    """The parts of a statement that share no variables: methods of a class, members of an object."""
    opening = next((i for i in range(first, last) if found[i].text == "{"), last)
    if opening == last:
        yield first, last
        return
    is_class = "class" in (token.text for token in found[max(opening - 4, first) : opening])
    is_object = found[opening - 1].text == "="
    depth = 0
    start = first
    for index in range(opening, last):
        depth += _depth(found[index])
        text = found[index].text
        if depth == 1 and ((is_class and text == "}") or (is_object and text == ",")):
            yield start, index + 1
            start = index + 1
    yield start, last


def _depth(token: Token) -> int:
    if token.kind == TEMPLATE:
        return token.text.endswith("${") - token.text.startswith("}")
    return {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)


def defined_variables(found: list[Token], role: list[int], first: int, last: int) -> set[str]:
    """The variables that tokens define: declared, parameters, parts of patterns."""
    names: set[str] = set()
    for index in range(first, last):
        token = found[index]
        if token.kind == NAME and token.text in ("const", "let", "var", "function", "class"):
            names.update(_pattern(found, role, index + 1, last))
        elif token.text == "=>" or (token.text == "{" and found[index - 1].text == ")"):
            names.update(_parameters(found, role, index - 1))
    return names


def _pattern(found: list[Token], role: list[int], first: int, last: int) -> Iterator[str]:
    """The names of a declaration: one, or those of a pattern."""
    first += found[first].text == "function"
    depth = 0
    for index in range(first, last):
        depth += _depth(found[index])
        if depth <= 0:
            yield from _bound(found, role, first, index + 1)
            return


def _parameters(found: list[Token], role: list[int], last: int) -> Iterator[str]:
    """The names in the list of parameters that ends at a token; of a condition, none."""
    first = last
    depth = -_depth(found[last])
    while depth:
        first -= 1
        depth -= _depth(found[first])
    if found[first - 1].text not in ("if", "while", "switch", "for"):
        yield from _bound(found, role, first, last + 1)


def _bound(found: list[Token], role: list[int], first: int, last: int) -> Iterator[str]:
    """The variables of a pattern, without what its defaults name."""
    depth = 0
    default: int | None = None  # the depth of the pattern that a default is in
    for index in range(first, last):
        token = found[index]
        depth += _depth(token)
        if default is not None and (depth < default or (depth == default and token.text == ",")):
            default = None
        if token.text == "=" and default is None:
            default = depth
        if default is None and token.kind == NAME and role[index] & VARIABLE:
            yield token.text


def said_names(found: list[Token]) -> set[str]:
    """The names in strings and templates, which may be properties', or in generated code."""
    return {
        name
        for token in found
        if token.kind in (LITERAL, TEMPLATE)
        and token.text[0] != "/"
        and not _is_message(token.text)
        for name in re.findall(r"[A-Za-z_$][\w$]*", token.text)
    }


def own_properties(found: list[Token], role: list[int]) -> set[str]:
    """The properties that are defined here and are nobody else's, but for those that are said."""
    return (
        {
            token.text
            for index, token in enumerate(found)
            if role[index] & PROPERTY
            and (found[index - 1].text != "." or found[index + 1].text == "=")
        }
        - KEPT
        - KEYWORDS
    )


def _is_message(literal: str) -> bool:
    """Whether a literal is words for people. Generated code has no space but behind keywords."""
    return " " in literal and re.search(r"[=;]|\.\w", literal) is None


def _short_names(first: str, taken: frozenset[str] | set[str]) -> Iterator[str]:
    letters = string.ascii_letters + string.digits + "_"
    for length in itertools.count(0):
        for start in first:
            for rest in itertools.product(letters, repeat=length):
                name = start + "".join(rest)
                if name not in taken:
                    yield name


def minify(
    source: str, reserved: frozenset[str] = frozenset(), said: frozenset[str] = frozenset()
) -> str:
    """The source made short. Variables of the top level that are ``reserved`` keep their names, and
    so do properties that are ``said`` elsewhere. ValueError where the source cannot be read.
    """
    found = _with_numbers(_without_braces(tokens(source)), reserved)
    role = roles(found)
    statements = declarations(found)
    variables = Counter(t.text for t, r in zip(found, role, strict=True) if r & VARIABLE)
    properties = Counter(t.text for t, r in zip(found, role, strict=True) if r & PROPERTY)
    top = {
        name
        for first, last in statements
        if found[first].text in ("const", "let", "var", "function", "class", "async")
        for name in _pattern(found, role, first + 1, last)
    } - reserved
    taken = (variables.keys() - top) | KEYWORDS | reserved
    free = _short_names(string.ascii_uppercase + "_", taken)
    shared = {name: next(free) for name, _ in variables.most_common() if name in top}
    free = _short_names(string.ascii_letters, KEYWORDS)
    own = own_properties(found, role) - said_names(found) - said - reserved
    members = {name: next(free) for name, _ in properties.most_common() if name in own}
    out: list[str] = []
    for first, last in (piece for each in statements for piece in pieces(found, *each)):
        inner = defined_variables(found, role, first, last) - top - reserved
        used = Counter(found[i].text for i in range(first, last) if role[i] & VARIABLE)
        free = _short_names(string.ascii_lowercase, (used.keys() - inner) | KEYWORDS)
        names = {**shared, **{name: next(free) for name in used if name in inner}}
        for index in range(first, last):
            out.append(_renamed(found[index].text, role[index], names, members))
    return _join(out)


def _without_braces(found: list[Token]) -> list[Token]:
    """The tokens without braces around what `if` or `else` does, where that is one simple statement."""
    out: list[Token] = []
    opened: list[str] = []  # what the open parentheses stand behind
    closed = ""  # and the last one that was closed
    skip = -1
    for index, token in enumerate(found):
        text = token.text
        if text == "(":
            opened.append(found[index - 1].text)
        elif text == ")":
            closed = opened.pop()
        elif text == "{" and token.kind == MARK:
            last = next(i for i in range(index + 1, len(found)) if found[i].text in "{};")
            does = found[index - 1].text
            is_simple = found[last].text == ";" and found[last + 1].text == "}"
            if is_simple and (does == "else" or (does == ")" and closed == "if")):
                if found[index + 1].text not in ("const", "let", "if", "for"):
                    skip = last + 1
                    continue
        if index != skip:
            out.append(token)
    return out


def _with_numbers(found: list[Token], reserved: frozenset[str]) -> list[Token]:
    """The tokens with the numbers in place of the names that the top level declares for them."""
    role = roles(found)
    numbers: dict[str, Token] = {}
    rest: list[int] = []
    for first, last in declarations(found):
        texts = [token.text for token in found[first:last]]
        if texts[0] == "const" and texts[2] == "=" and texts[4:] == [";"] and texts[3].isalnum():
            if texts[3][0].isdigit() and texts[1] not in reserved:
                numbers[texts[1]] = Token(LITERAL, str(int(texts[3], 0)))
                continue
        rest += range(first, last)
    shadowed = {found[i].text for i in rest if role[i] == BOTH}
    if shadowed & numbers.keys():
        raise ValueError(f"shorthands of numbers: {shadowed & numbers.keys()}")
    return [numbers.get(found[i].text, found[i]) if role[i] == VARIABLE else found[i] for i in rest]


def _renamed(text: str, role: int, names: dict[str, str], members: dict[str, str]) -> str:
    variable, member = names.get(text, text), members.get(text, text)
    if role == BOTH:
        return text if variable == member == text else f"{member}:{variable}"
    return variable if role == VARIABLE else member if role == PROPERTY else text


def _join(texts: list[str]) -> str:
    out: list[str] = []
    last = ""
    # In each open bracket, whether the statement before is a declaration, and whether this one is.
    consts = [(False, False)]
    for text in texts:
        if last in (";", "{", "") or (last == "}" and _in_word(text[0])):
            before = consts[-1][1]
            consts[-1] = (before, text in ("const", "let"))
            if last == ";" and before and text in ("const", "let"):
                out[-1] = last = ","
                continue
        if text in ("(", "[", "{") or text.endswith("${"):
            consts.append((False, False))
        if text in (")", "]", "}") or (text[0] == "}" and len(text) > 1):
            consts.pop()
        text = _SHORTER.get(text, text)
        if text in (")", "}") and last in (";", ",") and _closes(text, last):
            out.pop()
            last = out[-1]
        if last and ((_in_word(last[-1]) and _in_word(text[0])) or last[-1] + text[0] in _APART):
            out.append(" ")
        if text == "=>" and out[-1] == ")" and out[-3] == "(" and _in_word(out[-2][0]):
            # One parameter needs no parentheses; what is before them may need a space instead.
            name = out[-2]
            del out[-3:]
            out += [" ", name] if out and _in_word(out[-1][-1]) else [name]
        if text.startswith("0x") and not text.endswith("n"):
            text = min(text, str(int(text, 16)), key=len)
        out.append(text)
        last = text
    return "".join(out)


def _closes(text: str, last: str) -> bool:
    """Whether a bracket needs no semicolon or comma before it."""
    return text == "}" or last == ","


_APART: Final = ("++", "--")
_SHORTER: Final = {"true": "!0", "false": "!1", "undefined": "void 0", "const": "let"}


def _in_word(character: str) -> bool:
    return character.isalnum() or character in "_$"
