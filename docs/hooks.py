"""Pages of the site that are generated: API from docstrings, executed lessons, changelog, decisions.

All of them are generated when the site is built, so they are always current.
"""

from __future__ import annotations

import gc
import importlib
import operator
import re
import sys
from pathlib import Path

import mkdocs.plugins
from mkdocs.structure.files import File

import workbench
from workbench.foundation.lazy import path_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))
import lessons  # noqa: E402

PARTS = {
    "record": ("Record and read", ("Dataset", "Recorder", "replay", "import_run", "open_run", "Run")),
    "score": (
        "Score and detect",
        (
            *("find_issues", "score", "Evidence", "cross_val_predict", "ensemble", "confusion_matrix", "duplicates"),
            "outliers",
        ),
    ),
    "confident": ("Confident learning", ("confident",)),
    "decide": ("Decide and export", ("Journal", "review_queue", "audit", "export", "report", "figure")),
    "review": ("Reviewers and annotators", ("review",)),
    "tags": ("Tags", ("tags",)),
    "spans": ("Spans", ("spans",)),
    "vision": ("Vision", ("vision",)),
    "demonstrations": ("Demonstrations", ("demonstrations",)),
    "graphs": ("Graphs", ("graphs",)),
    "experiments": ("Does it help?", ("compare", "experiments")),
    "errors": ("Errors", ("errors",)),
}
"""Pages of the API: file name -> title and public names; a subpackage stands for all its names. What is named nowhere
comes last on the page "More"."""

TABLES = ("SCORES", "tags.METHODS")
"""Public tables, which have no docstring of their own."""

VIEWS = {"Explorer": "explorer", "NoiseLab": "noiselab", "Question": "question", "PairJudge": "pairjudge"}
VIEWS["link"] = "linking"

ELSEWHERE = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "docs/changes": "changelog.md",
             "docs/decisions": "decisions.md", "BENCHMARKS.md": "benchmarks.md"}  # fmt: skip


def on_startup(**_: object) -> None:
    """Collect garbage rarely: the trees of all modules and pages stay until the end, and each look takes time."""
    gc.set_threshold(500_000, 50, 50)


def on_config(config: dict, **_: object) -> dict:
    """Add the page on scale if it exists."""
    if (Path(config["docs_dir"]) / "scale.md").is_file():
        config["nav"].insert(-6, {"Scale": "scale.md"})
    return config


def on_files(files: object, config: dict, **_: object) -> object:
    """Add the generated pages."""
    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))
    return files


@mkdocs.plugins.event_priority(-100)
def on_post_build(config: dict, **_: object) -> None:
    """Write the search index as a script too, since a page opened from a folder cannot fetch files."""
    folder = Path(config["site_dir"]) / "search"
    index = (folder / "search_index.json").read_text(encoding="utf-8")
    (folder / "search_index.js").write_text(f"var __index = {index}", encoding="utf-8")


def pages() -> dict[str, str]:
    """Markdown of each generated page, by page name."""
    made = {f"api/{name}.md": f"# {title}\n\n{entries(names)}" for name, (title, names) in parts().items()}
    made["api/widgets.md"] = "# Widgets\n\n" + "".join(f"\n::: widgets.{home}.{name}\n" for name, home in VIEWS.items())
    made["api/index.md"] = overview()
    for path in lessons.lessons():
        made[f"lessons/{path.stem}.md"] = lessons.page_of(path)
    made["lessons/index.md"] = _linked((ROOT / "notebooks" / "README.md").read_text(encoding="utf-8"))
    made["changelog.md"] = _linked(changelog())
    made["decisions.md"] = _linked(decisions())
    made["benchmarks.md"] = _linked((ROOT / "BENCHMARKS.md").read_text(encoding="utf-8"))
    return made


def changelog() -> str:
    """`CHANGELOG.md` with the change files of each release under its heading and unreleased ones at the top."""
    head, *releases = re.split(r"^(?=## )", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.M)
    new = _small(HERE / "changes")
    parts = [head] + (["## Not released yet\n\n" + "\n".join(new)] if new else [])
    for release in releases:
        version = release.split()[1]
        parts.append(release.strip() + "\n\n" + "\n".join(_small(HERE / "changes" / version)))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def decisions() -> str:
    """The decisions with their dates, newest first, after the README on how they are written."""
    parts = [(ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")]
    for path in sorted((HERE / "decisions").glob("20*.md"), reverse=True):
        parts.append(re.sub(r"^# ", f"## {path.name[:10]} ", path.read_text(encoding="utf-8"), count=1))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _small(folder: Path) -> list[str]:
    """The texts of the files in a folder, by name."""
    return [path.read_text(encoding="utf-8").strip() for path in sorted(folder.glob("*.md"))]


def public() -> dict[str, str]:
    """Map every public name below `wb.`, such as `review.consensus`, to the full path of its object."""
    found = {}
    for name, home in workbench.HOMES.items():
        if not home.startswith("."):
            found[name] = f"workbench.{home}.{name}"
            continue
        package = f"workbench{home}"
        module = importlib.import_module(package)
        homes = getattr(module, "HOMES", None) or dict.fromkeys(module.__all__, "")
        for one, below in homes.items():
            found[f"{name}.{one}"] = f"{path_of(package, below) if below else package}.{one}"
    return found


def parts() -> dict[str, tuple[str, tuple[str, ...]]]:
    """`PARTS` with all names of the subpackages, followed by the names in none of the parts."""
    every, made = [name for name in public() if name not in TABLES], {}
    for page, (title, wanted) in PARTS.items():
        shown = [one for name in wanted for one in every if one == name or one.startswith(f"{name}.")]
        made[page] = (title, tuple(shown))
    named = {name for _, names in made.values() for name in names}
    rest = tuple(name for name in every if name not in named)
    return {**made, "more": ("More", rest)} if rest else made


def entries(names: tuple[str, ...]) -> str:
    """Markdown for mkdocstrings."""
    homes = public()
    return "".join(f"\n::: {homes[name]}\n" for name in names)


def overview() -> str:
    """All public names with the first line of their docstring, and the scores in `SCORES`."""
    lines = ["# API", "", "`import workbench as wb`, `import widgets as wd`. Everything public:", ""]
    homes = public()
    for name, (title, names) in parts().items():
        lines += [f"## [{title}]({name}.md)", "", "| | |", "|---|---|"]
        for one in names:
            words = (operator.attrgetter(one)(workbench).__doc__ or "").strip().split("\n")[0]
            lines.append(f"| [`wb.{one}`]({name}.md#{homes[one]}) | {words} |")
        lines.append("")
    lines += ["## [Widgets](widgets.md)", "", ", ".join(f"`wd.{name}`" for name in VIEWS), "", "## Scores", ""]
    lines += ["`wb.SCORES`: what each column of `wb.score(run)` is.", ""]
    lines.append("| score | suspicious | what it is | source |")
    lines.append("|---|---|---|---|")
    for name, score in workbench.SCORES.items():
        cells = [f"`{name}`", score.suspicious or "", score.in_words, score.source]
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _linked(text: str) -> str:
    """Turn links to repository files into links to pages, or into plain text where a file has no page."""

    def turned(found: re.Match) -> str:
        words, target = found.groups()
        place, hash, anchor = target.partition("#")
        if re.match(r"\w+:|#", target):
            return found[0]
        page = ELSEWHERE.get(place, place.removeprefix("docs/"))
        page = re.sub(r"^(?:notebooks/)?(\d\d_\w+)\.ipynb$", r"\1.md", page)
        is_page = page in ELSEWHERE.values() or (HERE / page).is_file() or re.match(r"\d\d_\w+\.md$", page)
        return f"[{words}]({page}{hash}{anchor})" if is_page else words

    return re.sub(r"(?<!!)\[([^\]\n]+)\]\(([^)\s]+)\)", turned, text)
