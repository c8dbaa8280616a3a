"""Run the lessons and store their outputs for the documentation: `python docs/lessons.py [01 ...]` (needs Chromium).

Lessons are stored without outputs, so that diffs show only code. Their outputs (text, tables, images of the figures and
of the Explorer) are stored in `docs/lessons/`, one JSON file per lesson, with a digest of the code that produced them;
a test reports which lessons have changed since.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
KEPT = HERE / "lessons"
PLOTLY = "application/vnd.plotly.v1+json"
MOST_TEXT = 4000
WIDTH = 860


def lessons() -> list[Path]:
    """The notebooks, in order."""
    return sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def digest(notebook: dict) -> str:
    """Digest of the code of a notebook, cell by cell."""
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()[:16]


def kept_of(path: Path) -> Path:
    """Path of the stored outputs of a lesson."""
    return KEPT / f"{path.stem}.json"


def page_of(path: Path) -> str:
    """A lesson as Markdown: its text, code and outputs."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    kept, parts = {}, []
    if kept_of(path).is_file():
        kept = json.loads(kept_of(path).read_text(encoding="utf-8"))["outputs"]
    else:
        parts.append("*What this lesson shows was not kept: run it yourself, or `make lessons`.*")
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(re.sub(r"\((\d\d_\w+)\.ipynb\)", r"(\1.md)", source))
            continue
        parts.append(f"```python\n{source}\n```")
        parts += [_shown(output) for output in kept.get(cell["id"], [])]
    if not kept:  # below the title
        parts[0], parts[1] = parts[1], parts[0]
    return "\n\n".join(parts) + "\n"


def _shown(output: dict[str, str]) -> str:
    if "image" in output:
        return f"![{output['words']}]({output['image']})"
    if "table" in output:
        return f'<div class="lesson-table" markdown="0">{output["table"]}</div>'
    return f"``` {{ .text .lesson-text }}\n{output['text']}\n```"


def run(path: Path, page: Any) -> None:
    """Execute a lesson in a copy of the project layout and store its outputs."""
    import nbclient
    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "notebooks").mkdir()
        (Path(folder) / "data").symlink_to(ROOT / "data")
        if (ROOT / "runs" / "demo" / "run.json").is_file():
            shutil.copytree(
                ROOT / "runs" / "demo", Path(folder) / "runs" / "demo", ignore=shutil.ignore_patterns("journal*")
            )
        os.environ |= {"USER": "you", "LOGNAME": "you", "PYTHONPATH": str(ROOT)}
        code = digest(json.loads(path.read_text(encoding="utf-8")))
        notebook = nbformat.read(path, as_version=4)
        where = {"metadata": {"path": str(Path(folder) / "notebooks")}}
        nbclient.NotebookClient(
            notebook, timeout=900, kernel_name="python3", resources=where, coalesce_streams=True
        ).execute()  # one print on a busy machine may arrive in parts
    outputs: dict[str, list[dict[str, str]]] = {}
    pictures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            name = f"{path.stem}-{cell.id}"
            found = [_kept(out, f"{name}-{nth}", page, folder, pictures) for nth, out in enumerate(cell.outputs)]
            outputs[cell.id] = [one for one in found if one]
    for old in KEPT.glob(f"{path.stem}-*.webp"):  # only now, so that a run that ended early keeps the previous outputs
        old.unlink()
    for name, picture in pictures.items():
        (KEPT / name).write_bytes(picture)
    stored = {"code": code, "outputs": outputs}
    kept_of(path).write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _kept(output: Any, name: str, page: Any, folder: str, pictures: dict[str, bytes]) -> dict[str, str] | None:
    """The stored form of one output; drops progress bars and prompts. Image files are added to `pictures`."""
    if output.output_type == "stream":
        text = output.text if output.name == "stdout" else ""
        return {"text": text.rstrip().replace(folder, "...")[:MOST_TEXT]} if text.strip() else None
    data = output.get("data", {})
    if PLOTLY in data:
        title = re.sub("<.*?>", " ", str(data[PLOTLY]["layout"].get("title", {}).get("text", "")))
        html = f'<div id="shot" style="width:{WIDTH}px"></div>'
        page.set_content(html)
        if not page.evaluate("'Plotly' in window"):
            page.add_script_tag(path=page.plotly)
        page.evaluate("f => Plotly.newPlot('shot', f.data, f.layout, {staticPlot: true})", data[PLOTLY])
        return _picture(page, name, f"Figure: {title or 'as drawn by the cell above'}", pictures)
    if "image/png" in data:
        page.set_content(f'<img id="shot" style="max-width:{WIDTH}px" src="data:image/png;base64,{data["image/png"]}">')
        return _picture(page, name, "The picture that the cell above shows", pictures)
    html = data.get("text/html", "")
    if "<table" in html and "dataframe" in html:
        return {"table": re.sub(r"<style.*?</style>", "", html, flags=re.S).strip()}
    if "application/vnd.jupyter.widget-view+json" in data:
        if "<table" not in html:
            return None  # a question, a slider or a progress bar
        page.set_content(f'<div id="shot" style="width:{WIDTH}px">{html}</div>')
        parts = "data map, numbers, first of the queue" if "<img" in html else "numbers, first of the queue"
        return _picture(page, name, f"The Explorer as a static picture: {parts}", pictures)
    text = data.get("text/plain", "").replace(folder, "...")
    return {"text": text[:MOST_TEXT]} if text else None


def _picture(page: Any, name: str, words: str, pictures: dict[str, bytes]) -> dict[str, str]:
    """A WebP image of the element `shot`, with a transparent background."""
    from PIL import Image

    page.wait_for_timeout(500)
    shot = page.locator("#shot").screenshot(omit_background=True)
    image = Image.open(io.BytesIO(shot)).convert("RGBA")
    file = io.BytesIO()
    image.crop(image.getchannel("A").getbbox() or (0, 0, *image.size)).save(file, "WEBP", quality=82, method=6)
    pictures[f"{name}.webp"] = file.getvalue()
    return {"image": f"{name}.webp", "words": words}


def main(names: list[str]) -> int:
    """Run the given lessons, or all."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser"), str(ROOT / "tests")]
    import labharness
    import plotly
    from playwright.sync_api import sync_playwright

    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    with sync_playwright() as playwright:
        browser = labharness.launch(playwright, width=WIDTH + 40, height=900)
        page = browser.new_page() if hasattr(browser, "new_page") else browser.pages[0]
        page.plotly = script
        for path in lessons():
            if not names or path.name[:2] in names:
                run(path, page)
                size = kept_of(path).stat().st_size
                sys.stdout.write(f"{path.stem}: {size / 1000:.0f} kB of text\n")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
