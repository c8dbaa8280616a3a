"""No block of code occurs twice; a second copy should become a function."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("workbench", "widgets", "tests", "benchmarks", "docs")
PYTHON = sorted(path for name in FOLDERS for path in (ROOT / name).rglob("*.py"))
SCRIPTS = sorted((ROOT / "widgets" / "js").rglob("*.js"))

RUN = 6
"""Lines of code in a row that may not stand twice."""
LEAST = 120
"""Letters and digits in them: fewer are punctuation, or the frame of a call."""

FIRST_OF_SIGNATURE = re.compile(r"(async )?(def|class) ")
DOCSTRING = re.compile(r'[rf]?"""(?:.|\n)*?"""')
COMMENT = re.compile(r"^[ \t]*(?:/\*(?:.|\n)*?\*/|//[^\n]*)", re.MULTILINE)


def python_lines(text: str) -> Iterator[tuple[int, str]]:
    """Return (number, text) of each line of code except docstrings, comments, imports, signatures and brackets."""
    text = DOCSTRING.sub(lambda found: "\n" * found[0].count("\n"), text)
    until = ""
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        if until:
            until = "" if line.partition("  #")[0].endswith(until) else until
        elif FIRST_OF_SIGNATURE.match(line):
            until = "" if line.partition("  #")[0].endswith(":") else ":"
        elif re.match(r"(from \S+ )?import ", line):
            until = ")" if line.endswith("(") else ""
        elif not line.startswith(("#", "@")) and re.search(r"\w", line):
            yield number, line


def script_lines(text: str) -> Iterator[tuple[int, str]]:
    """Return the same for a JavaScript file."""
    text = COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        if not line.startswith("import ") and re.search(r"\w", line):
            yield number, line


def written_twice(files: Iterable[tuple[str, Iterable[tuple[int, str]]]]) -> list[str]:
    """Return "a.py:10 and b.py:40: first line" for each run of lines that occurs twice."""
    places: dict[tuple[str, ...], list[tuple[str, int, int]]] = defaultdict(list)
    for name, lines in files:
        listed = list(lines)
        sizes = [len(re.findall(r"\w", text)) for _, text in listed]
        for at in range(len(listed) - RUN + 1):
            if sum(sizes[at : at + RUN]) >= LEAST:
                places[tuple(text for _, text in listed[at : at + RUN])].append((name, at, listed[at][0]))
    pairs = {}
    for run, found in places.items():
        (a, at, line), (b, there, other) = found[0], found[-1]
        if a != b or there - at >= RUN:  # consecutive repetitions are not a copy
            pairs[a, at, b, there] = f"{a}:{line} and {b}:{other}: {run[0]}"
    return [words for (a, at, b, there), words in pairs.items() if (a, at - 1, b, there - 1) not in pairs]


def named(paths: Iterable[Path], lines_of) -> Iterator[tuple[str, Iterator[tuple[int, str]]]]:
    return ((path.relative_to(ROOT).as_posix(), lines_of(path.read_text(encoding="utf-8"))) for path in paths)


def test_python_is_written_once():
    found = written_twice(named(PYTHON, python_lines))
    assert not found, "make it one function:\n" + "\n".join(found)


def test_scripts_are_written_once():
    found = written_twice(named(SCRIPTS, script_lines))
    assert not found, "make it one function:\n" + "\n".join(found)


def test_a_copy_would_be_found():
    block = "".join(f"    value_{i} = compute_something_of(value_{i}, {i})\n" for i in range(RUN + 1))
    one, other = f"def a(x):\n{block}", f'def b(\n    y,\n):\n    """{block}"""\n    z = 1\n{block}'

    def found(text):
        return written_twice([("one.py", python_lines(one)), ("other.py", python_lines(text))])

    assert found(other) == [f"one.py:2 and other.py:{RUN + 7}: {block.splitlines()[0].strip()}"]
    assert not found(other.replace("value_3", "another"))
    script = "/**\n * words\n */\n" + block
    assert list(script_lines(script)) == [(number + 2, text) for number, text in python_lines(one)]
