"""docs/papers.md: every entry describes what is implemented, shows it in a few lines, and names an existing test."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
TABLE = ROOT.parent / "shared" / "papers.tsv"

FAMILIES = ("ML", "TAB", "PL", "GRAPH", "ICL", "TOK", "IR", "CAP", "DET", "SEG")
"""Families of the table whose papers are all on the page; one more section, one more name."""

PACKAGES = ("tags", "experiments", "confident", "graphs", "spans", "demonstrations", "texts", "ranking", "vision")
"""Packages whose functions a snippet calls, of which its test calls one too."""

MOST_LINES = 6


def entries() -> dict[str, str]:
    """Return a dict of titles of papers to their entries, without hidden comments."""
    shown = re.sub(r"<!--.*?-->", "", PAGE, flags=re.S)
    parts = re.split(r"^### (.*)\n", re.sub(r"^## .*\n", "", shown, flags=re.M), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("title", entries())
def test_an_entry_says_what_is_offered_and_shows_it(title):
    """The snippet runs with all blocks of the page (tests/test_docs.py), without exceptions."""
    entry = entries()[title]
    snippets = re.findall(r"^```python\n(.*?)^```$", entry, re.M | re.S)
    assert len(snippets) == 1, "one snippet"
    lines = [line for line in snippets[0].splitlines() if line.strip()]
    assert 1 <= len(lines) <= MOST_LINES, f"{len(lines)} lines"
    assert re.search(r"\bw[bd]\.", snippets[0]), "it uses the workbench"
    words = re.split(r"^```python", entry, maxsplit=1, flags=re.M)[0].split()
    assert 12 <= len(words) <= 90, f"{len(words)} words"
    named = re.findall(r"^Shown by `([\w/.]+)`\.$", entry, re.M)
    assert len(named) == 1 and (ROOT / named[0]).is_file(), f"names no test: {named}"
    called = set(re.findall(rf"wb\.(?:{'|'.join(PACKAGES)})\.(\w+)", snippets[0]))
    test = (ROOT / named[0]).read_text(encoding="utf-8")
    assert called & set(re.findall(r"\w+", test)), f"{named[0]} uses none of {sorted(called)}"


def test_titles_are_there_once():
    titles = re.findall(r"^### (.*)$", PAGE, re.M)
    assert len(titles) == len(set(titles)) > 20


@pytest.mark.parametrize("family", FAMILIES)
def test_every_paper_of_a_finished_family_has_its_entry(family):
    if not TABLE.is_file():
        pytest.skip("the table of papers is not beside this checkout")
    with open(TABLE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    wanted = [row["title"] for row in rows if row["family"].split("+")[0] == family]
    assert wanted
    assert [title for title in wanted if title not in entries()] == []
