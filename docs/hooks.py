"""The API page lists what the packages call public, so that it cannot fall behind."""

from __future__ import annotations

from pathlib import Path

import workbench

FIRST = {
    "Record": ("Dataset", "Recorder", "Run", "open_run", "replay", "read"),
    "Score and detect": ("score", "cross_validate", "Evidence", "find_issues"),
    "Decide and export": ("Journal", "audit", "export", "report"),
}
VIEWS = {"Explorer": "explorer", "NoiseLab": "noiselab", "Question": "question"}


def on_config(config: dict, **_: object) -> dict:
    """The page on scale, where it is there."""
    if (Path(config["docs_dir"]) / "scale.md").is_file():
        config["nav"].insert(-2, {"Scale": "scale.md"})
    return config


def on_page_markdown(markdown: str, page: object, **_: object) -> str:
    """`docs/api.md` with an entry for each public name; other pages as they are."""
    return markdown + entries() if page.file.src_uri == "api.md" else markdown


def entries() -> str:
    """Markdown for mkdocstrings."""
    named = {name for names in FIRST.values() for name in names}
    rest = [name for name in workbench.__all__ if name not in named and name != "SCORES"]
    text = ""
    for title, names in {**FIRST, "More": rest}.items():
        text += f"\n## {title}\n" + "".join(f"\n::: workbench.{workbench._HOME[name]}.{name}\n" for name in names)
    return text + "\n## Widgets\n" + "".join(f"\n::: widgets.{home}.{name}\n" for name, home in VIEWS.items())
