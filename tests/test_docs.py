"""The documentation is a test: every Python block of a page runs, in one namespace per page, and the site builds.

Hidden comments of a page define what its reader already has: `<!-- prepare` with code, and `<!-- needs: package -->`.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import html
import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from workbench.foundation import recall
from workbench.issues.detector import find_issues
from workbench.runs.run import open_run

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if page.name != "scale.md"]  # needs clusters: tested separately
PAGES = [page for page in PAGES if not {"changes", "decisions"} & set(page.relative_to(ROOT).parts)]  # text only
LESSONS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.S | re.M)
PREPARE = re.compile(r"<!-- prepare\n(.*?)-->", re.S)
NEEDS = re.compile(r"<!-- needs: (.*?) -->")

READER = """
import numpy as np, pandas as pd, torch
from PIL import Image

for n in range(20):
    Image.new("L", (8, 8), 12 * n).save(f"{n}.png")
frame = pd.DataFrame({"photo": [f"b{n}" for n in range(20)], "path": [f"{n}.png" for n in range(20)],
                      "species": ["tit", "owl"] * 10})
backbone, head = torch.nn.Linear(4, 8), torch.nn.Linear(8, 2)
optimizer = torch.optim.SGD([*backbone.parameters(), *head.parameters()], lr=0.1)
labels, probs = frame["species"], np.where(frame[["species"]].to_numpy() == ["owl", "tit"], 0.9, 0.1)
loader = [(frame["photo"].to_numpy()[half::2], torch.randn(10, 4), torch.arange(10) % 2) for half in range(2)]
"""
"""What the reader of README.md has: a DataFrame of photographs, a small network, batches of (ids, x, y)."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_blocks_are_found_and_pages_are_there():
    names = {name_of(page) for page in PAGES}
    assert {"README.md", "docs/index.md", "docs/concepts.md", "docs/howto/torch.md"} <= names
    assert BLOCK.findall("a\n```python\nx = 1\n```\nb\n```\nno\n```\n") == ["x = 1\n"]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "docs" / "scale.md"], ids=name_of)
def test_no_block_is_missed(page):
    """An indented code fence, or one with another name for Python, would be shown but never run."""
    fences = re.findall(r"^([ >]*)(?:```|~~~)([^\n]*)$", page.read_text(encoding="utf-8"), re.M)
    for indent, language in fences[::2]:  # the others close them
        assert not indent and language in ("python", "toml", "sh", ""), f"{name_of(page)}: fence {indent + language!r}"
    assert all(not language for _, language in fences[1::2])


@pytest.mark.parametrize("page", PAGES[1:], ids=name_of)
def test_a_page_imports_what_it_shows(page):
    """Readers copy the blocks, not the hidden comments, so these may define data and models but import nothing."""
    tree = ast.parse("\n".join(BLOCK.findall(page.read_text(encoding="utf-8"))))
    imported = {name.asname or name.name for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))
                for name in node.names}  # fmt: skip
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert used & {"wb", "wd", "np", "pd", "torch", "Path"} <= imported


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A folder with a copy of `data/digits-run` and the detector's answers, which four pages look at."""
    folder = tmp_path_factory.mktemp("repository")
    ignored = shutil.ignore_patterns("cache", "journal*")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recall, "KEPT_RESULTS", 8)
        find_issues(
            open_run(shutil.copytree(ROOT / "data" / "digits-run", folder / "data" / "digits-run", ignore=ignored))
        )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_a_page_runs(page, repository, recalling, tmp_path, monkeypatch):
    text = page.read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    if not blocks:
        pytest.skip("no Python on this page")
    for package in ", ".join(NEEDS.findall(text)).split(", ") if NEEDS.search(text) else ():
        pytest.importorskip(package, reason=f"{name_of(page)} needs {package} (in the test extra)")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    space: dict[str, object] = {"__name__": "page", "REPOSITORY": str(repository)}
    prepared = [*PREPARE.findall(text), *([READER] if page.name == "README.md" else [])]
    for number, code in enumerate([*prepared, *blocks]):
        where = "prepare" if number < len(prepared) else f"block {number - len(prepared) + 1}"
        exec(compile(code, f"{name_of(page)}, {where}", "exec"), space)


def test_every_picture_is_on_a_page_with_words_for_those_who_cannot_see_it():
    """Each is also made by the script: pictures that are no longer made show an outdated view."""
    image = re.compile(r"!\[(.*?)\]\((\S+?\.(?:png|webp))\)")
    used = {}
    for page in PAGES:
        used |= {(page.parent / name).resolve(): words for words, name in image.findall(page.read_text("utf-8"))}
    there = {*(ROOT / "docs").glob("*.png"), *(ROOT / "docs").glob("*.webp")}
    assert set(used) == there
    assert all(len(words) > 20 for words in used.values())
    script = (ROOT / "docs" / "screenshots.py").read_text(encoding="utf-8")
    assert [path.name for path in there if f'"{path.name}"' not in script] == []
    assert sum(path.stat().st_size for path in there) < 3_500_000
    assert all(path.stat().st_size < 2_000_000 for path in there)


BUILD = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", "{folder}/site"]


@pytest.mark.slow
@pytest.mark.early(BUILD, NO_MKDOCS_2_WARNING="1")
def test_the_site_builds_without_a_warning_and_asks_nobody(early):
    """Broken links and invalid docstrings are errors. No page loads anything from other hosts."""
    pytest.importorskip("mkdocs", reason="needs mkdocs (in the docs extra)")
    pytest.importorskip("mkdocstrings", reason="needs mkdocstrings (in the docs extra)")
    assert early.returncode == 0, early.stdout + early.stderr
    root = early.folder / "site"
    pages = list(root.rglob("*.html"))
    assert len(pages) >= len(PAGES) - 1
    links = r"""<link[^>]+rel="(?:stylesheet|preconnect|preload)"[^>]+href="(?:https?:)?//"""
    loads = re.compile(r"""<(?:script|img|iframe)[^>]+src="(?:https?:)?//|""" + links)
    for page in pages:
        found = loads.search(page.read_text(encoding="utf-8"))
        assert not found, f"{page.name}: {found}"

    api = "".join(page.read_text(encoding="utf-8") for page in (root / "api").glob("*.html"))
    homes = {name: home for name, home in public().items() if name not in ("SCORES", "tags.METHODS")}
    missing = [name for name, home in homes.items() if f'id="{home}"' not in api]
    assert not missing, f"on no page of the API: {missing}"
    assert "wb.SCORES" in api
    site = {page.relative_to(root).as_posix(): page.read_text(encoding="utf-8") for page in pages}
    for lesson in LESSONS:
        assert f"lessons/{lesson.stem}.html" in site
    assert "lesson-table" in site["lessons/04_confident_learning_by_hand.html"]
    assert ".webp" in site["lessons/04_confident_learning_by_hand.html"]
    small = [path for kind in ("changes", "decisions") for path in (ROOT / "docs" / kind).rglob("*.md")]
    for path in small:
        page = site["changelog.html" if path.is_relative_to(ROOT / "docs" / "changes") else "decisions.html"]
        words = re.sub("<.*?>", "", html.unescape(page))
        first = re.search(r"[A-Za-z][\w ]{15,}", path.read_text(encoding="utf-8"))[0]
        assert first in words, f"{path.name} is not in the site"
    index = (root / "search" / "search_index.js").read_text(encoding="utf-8")
    assert index.startswith("var __index = {"), "the search works from a folder too"
    assert "window.Worker = class" in site["index.html"]


def public() -> dict[str, str]:
    """Return a dict of public names below `wb.` to their full paths, as on the site."""
    hooks = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    module = importlib.util.module_from_spec(hooks)
    hooks.loader.exec_module(module)
    return module.public()


def documented() -> dict[str, object]:
    """Return public functions and classes with their public methods, parsed as for the site: path to griffe object."""
    griffe = pytest.importorskip("griffe", reason="needs mkdocstrings (in the docs extra)")

    spec = importlib.util.spec_from_file_location("house_docstrings", ROOT / "docs" / "house_docstrings.py")
    house = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(house)
    style = house.HouseStyle()

    @functools.cache
    def module(name: str) -> griffe.Module:  # only modules that hold something public
        path = ROOT / name.replace(".", "/")
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        code = path.read_text(encoding="utf-8")
        return griffe.visit(name, path, code, docstring_parser="numpy")

    homes = [home for name, home in public().items() if name not in ("SCORES", "tags.METHODS")]
    homes += ["widgets.explorer.Explorer", "widgets.noiselab.NoiseLab"]
    found = {home: module(home.rpartition(".")[0])[home.rpartition(".")[2]] for home in homes}
    for path, thing in list(found.items()):
        if thing.is_class:
            own = {name: member for name, member in thing.members.items() if not name.startswith("_")}
            found |= {f"{path}.{name}": member for name, member in own.items() if member.is_function}
    for thing in found.values():
        style.on_object(obj=thing)
    return found


def test_types_and_words_stand_in_their_places():
    """On the API pages, types are types, and every parameter has a description."""
    wrong, seen = [], 0
    for path, thing in documented().items():
        for section in thing.docstring.parse("numpy", warnings=False) if thing.docstring else []:
            if section.kind.value not in ("parameters", "attributes", "raises"):
                continue
            for item in section.value:
                seen += 1
                type_ = str(item.annotation or "")
                name = getattr(item, "name", type_)
                sentence = re.search(
                    r"[.;] \w|: |\b(the|is|are|of which|where|when)\b", re.sub("Callable.*", "", type_)
                )
                if len(type_) > 140 or sentence:
                    wrong.append(f"{path} {name}: {type_!r} stands where its type belongs")
                if not item.description.strip() and section.kind.value == "parameters" and not type_:
                    wrong.append(f"{path} {name}: neither type nor words")
    assert seen > 200
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_what_a_lesson_showed_is_of_the_code_that_it_has(path):
    """`make lessons ARGS="04"` runs a lesson again and stores its outputs."""
    kept = ROOT / "docs" / "lessons" / f"{path.stem}.json"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert kept.is_file(), f"what this lesson shows was not kept: run `make lessons` for {path.stem}"
    stored = json.loads(kept.read_text(encoding="utf-8"))
    assert stored["code"] == hashlib.sha256(json.dumps(code).encode()).hexdigest()[:16], (
        f"run `make lessons` for {path.stem}"
    )
    pictures = [one["image"] for cell in stored["outputs"].values() for one in cell if "image" in one]
    assert all((kept.parent / name).read_bytes()[8:12] == b"WEBP" for name in pictures)
    assert sorted(pictures) == sorted(one.name for one in kept.parent.glob(f"{path.stem}-*.webp"))
