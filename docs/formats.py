"""Write docs/formats.md, the table of file formats by kind of label, from the registry of formats.

python docs/formats.py
"""

from __future__ import annotations

from pathlib import Path

from workbench.tasks import TASKS

PAGE = Path(__file__).with_suffix(".md")

HEAD = """# File formats

Labels of every kind are read from files of other tools and written back with the corrections:

```
wb.import_run("instances.json", "runs/mine", format="coco", task="boxes")
wb.export(run, "corrected.json", format="coco")
```

The table is made from the registry of formats. The last column says what a file of the format cannot hold; for boxes,
`export` also counts in a warning what the file at hand lost. `table` is the one of `export`: CSV, JSONL or Parquet with
one row per example. The options of a format are in the docstrings of its reader and writer:
`help(workbench.tasks.TASKS["boxes"].formats["coco"].read)`.

| task | format | files | does not hold |
|---|---|---|---|
"""


def page() -> str:
    """Return the text of the page."""
    rows = []
    for task in sorted(TASKS):
        for name, form in TASKS[task].formats.items():
            files = ", ".join(f"`{suffix}`" if suffix else "folder" for suffix in form.suffixes)
            rows.append(f"| `{task}` | `{name}` | {files} | {'; '.join(form.loses) or 'nothing is lost'} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
