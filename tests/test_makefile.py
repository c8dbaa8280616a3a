"""The handling of environments in the Makefile, tested without creating one."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def commands(target: str, **variables: str) -> list[str]:
    """Return the commands that make would run for a target whose prerequisites are new."""
    given = [f"{name}={value}" for name, value in variables.items()]
    new = ["-W", "pyproject.toml", "-W", "constraints.txt"]
    try:
        done = subprocess.run(
            ["make", "-n", *new, target, *given], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        pytest.skip("needs make")
    return done.stdout.splitlines()


@pytest.mark.parametrize("stamp", [".lab", ".test"])
@pytest.mark.parametrize(
    ("owner", "adopt", "refused"), [("clone", "", True), ("clone", "1", False), ("gone", "", False)]
)
def test_an_environment_of_another_clone_is_not_taken_over_without_a_word(tmp_path, stamp, owner, adopt, refused):
    lines = commands(f".venv/{stamp}", ADOPT=adopt)
    check = next(line for line in lines if "direct_url.json" in line)
    assert lines.index(check) < next(n for n, line in enumerate(lines) if "pip install" in line and " -e " in line)
    (tmp_path / "clone").mkdir()
    info = tmp_path / "packages" / "label_workbench-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: label-workbench\nVersion: 0.1.0\n")
    (info / "direct_url.json").write_text(
        json.dumps({"url": (tmp_path / owner).as_uri(), "dir_info": {"editable": True}})
    )
    code = shlex.split(check)[2]
    asked = [
        sys.executable,
        "-c",
        f"import sys; sys.path = [{str(info.parent)!r}, *[p for p in sys.path if 'site-' not in p]]\n{code}",
    ]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode != 0) == refused, done.stderr
    assert not refused or f"the environment of the clone in {tmp_path / owner}" in done.stderr


def test_docs_are_built_whatever_lies_in_the_folder_of_that_name():
    assert (ROOT / "docs").is_dir()
    assert any("mkdocs build" in line for line in commands("docs"))
    listed = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = next(line for line in listed.splitlines() if line.startswith(".PHONY")).split()
    assert {"docs", "lessons", "test", "lab"} <= set(phony)


def test_what_was_compiled_is_kept_where_the_environment_forbids_it():
    """Container images set this variable; then every process of tests and JupyterLab would compile torch again."""
    listed = subprocess.run(
        ["make", "--no-print-directory", "-f", ROOT / "Makefile", "-f", "-", "kept"], cwd=ROOT, capture_output=True,
        text=True, check=True, input='.PHONY: kept\nkept:\n\t@echo "[$$PYTHONDONTWRITEBYTECODE]"\n',
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "MAKEFLAGS": ""},
    )  # fmt: skip
    assert listed.stdout == "[]\n"
