"""The page of file formats is that of the registry."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_the_page_of_formats_is_made_from_the_registry():
    made = runpy.run_path(str(DOCS / "formats.py"))["page"]()
    found = (DOCS / "formats.md").read_text(encoding="utf-8")
    assert found == made, "run: python docs/formats.py"
