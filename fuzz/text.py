"""Changes the tokens of the suite's modules and gives them to the text parser.

The oracle: `parse` raises MalformedError or InvalidError or gives a binary, `decode` takes that
binary, and neither takes long. Prints what breaks it, with the seed that finds it again.

    python fuzz/text.py [--seed N] [--seconds N] [SUITE]
"""

import argparse
import random
import sys
import time
import traceback
from pathlib import Path

from wasmwright.binary.decode import decode
from wasmwright.errors import InvalidError, MalformedError
from wasmwright.script.syntax import ModuleSource, parse_script
from wasmwright.text import parse
from wasmwright.text.lexer import Tokens, tokenize
from wasmwright.text.stream import Stream
from wasmwright.text.tokens import KEYWORDS

SUITE = Path(__file__).parents[2] / "shared/testsuite"
MOST_TOKENS = 400  # of a module that is worth changing
SLOW = 1.0  # seconds

# What no valid module has, or what hardly any has.
ODDITIES = [
    *(b"(; ;) ;; \" $ \xff \0 (@a (@ 0x 1e999999999 $a \"\\ \"x\" (@name (@custom".split()),
    b'(@name "x")',
    b'(@custom "x" (after code))',
    b'(@metadata.code.branch_hint "\\01")',
    b"9" * 5000,
    b"0x" + b"f" * 5000,
]  # fmt: skip


def texts(source: Tokens, first: int, last: int) -> list[bytes]:
    """The tokens from ``first`` up to ``last``."""
    stream = Stream(source)
    return [stream.text(token) for token in range(first, last)]


def module_tokens(source: ModuleSource) -> list[bytes]:
    """The tokens of a module in a script; none where it has no text."""
    if source.form == "quote":
        try:
            quoted = tokenize(source.content, 0, len(source.content))
        except MalformedError:
            return []
        return texts(quoted, 0, len(quoted.kinds) - 2)
    if source.form != "text":
        return []
    # From the parenthesis on, which is before the keyword `module`, or `definition` behind it.
    stream = Stream(source.source)
    first = source.token - 1
    while stream.text(first) != b"(":
        first -= 1
    return texts(source.source, source.token, stream.list_end(first) - 1)


def modules(suite: Path) -> list[list[bytes]]:
    """The tokens of every module of the suite that is not too long."""
    found = []
    for path in sorted(suite.rglob("*.wast")):
        for command in parse_script(path.read_bytes()):
            source = getattr(command, "module", None)
            if isinstance(source, ModuleSource):
                tokens = module_tokens(source)
                if 0 < len(tokens) < MOST_TOKENS:
                    found.append(tokens)
    return found


def change(tokens: list[bytes], others: list[list[bytes]], words: list[bytes]) -> list[bytes]:
    """A copy with a few tokens deleted, replaced, added, exchanged, or taken from others."""
    tokens = list(tokens)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        if not tokens:
            break
        place, other = random.randrange(len(tokens)), random.randrange(len(tokens))
        match random.randrange(6):
            case 0:
                del tokens[place]
            case 1:
                tokens[place] = random.choice(words)
            case 2:
                tokens.insert(place, random.choice(words))
            case 3:
                tokens[place], tokens[other] = tokens[other], tokens[place]
            case 4:
                tokens[place:place] = tokens[other : other + random.randrange(1, 8)]
            case _:
                donor = random.choice(others)
                start = random.randrange(len(donor))
                tokens[place:place] = donor[start : start + random.randrange(1, 10)]
    return tokens


def check(source: bytes) -> str | None:
    """What is wrong with how the parser takes a source, or None."""
    start = time.perf_counter()
    try:
        binary = parse(source)
        if binary.startswith(b"\0asm") and not source.startswith(b"binary"):
            decode(binary)
    except InvalidError:
        pass
    except MalformedError as error:
        str(error)
        if "line" not in dir(error):
            return f"what was parsed is malformed: {error}"
    except Exception:
        return traceback.format_exc(limit=-3)
    took = time.perf_counter() - start
    return f"took {took:.1f} s" if took > SLOW else None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("suite", nargs="?", type=Path, default=SUITE)
    parser.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFF_FFFF)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    found = modules(options.suite)
    words = [*sorted({token for tokens in found for token in tokens} | set(KEYWORDS)), *ODDITIES]
    random.seed(options.seed)
    print(f"seed {options.seed}: {len(found)} modules")
    count, broken = 0, 0
    end = time.monotonic() + options.seconds
    while time.monotonic() < end and broken < 10:
        source = b" ".join(change(random.choice(found), found, words))
        count += 1
        problem = check(source)
        if problem is not None:
            broken += 1
            print(f"input {count}: {source[:500]!r}\n{problem}")
    print(f"{count} inputs, {broken} broken")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
