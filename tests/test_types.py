"""Types: the checker reports nothing for the packages, and each ignored error has a reason beside it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(path for package in ("workbench", "widgets") for path in (ROOT / package).rglob("*.py"))
MOST_IGNORED = 12

# One thread, because both processors are busy with tests, and more threads need more time in all.
CHECKER = [sys.executable, "-m", "pyrefly", "check", "--threads=1", "--output-format=json"]
CHECK = [*CHECKER, "--summary=full", f"--python-interpreter-path={sys.executable}"]

OLDEST = "3.10"
"""The oldest Python of our users. The types of the newest NumPy are not for it: what is checked for it is our use of
Python itself, without other packages."""
OF_PYTHON = (
    *("missing-import", "missing-module-attribute", "missing-attribute", "unknown-name", "invalid-syntax"),
    *("unexpected-keyword", "missing-argument", "bad-argument-count"),
)
CHECK_OLDEST = [
    *(*CHECKER, "--summary=full", "--skip-interpreter-query", f"--python-version={OLDEST}"),
    f"--only={','.join(OF_PYTHON)}",
]


def told(out: str) -> list[dict]:
    return json.loads(out)["errors"]


def checked(err: str) -> int:
    """Return the number of modules that the checker has read, by its summary."""
    return int(re.search(r"([\d,]+) modules? \(", err)[1].replace(",", ""))


def lines(found: list[dict]) -> list[str]:
    return [f"{one['path']}:{one['line']} {one['name']}: {one['description']}" for one in found]


@pytest.mark.slow  # the checker reads torch's and NumPy's types, too
@pytest.mark.early(CHECK)
def test_the_type_checker_finds_nothing(early):
    pytest.importorskip("pyrefly", reason="needs pyrefly (in the test extra) to check types")
    assert checked(early.stderr) >= len(MODULES), early.stderr
    found = lines(told(early.stdout))
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.early(CHECK_OLDEST)
def test_the_oldest_python_has_all_that_is_used(early):
    pytest.importorskip("pyrefly", reason="needs pyrefly (in the test extra) to check types")
    assert checked(early.stderr) >= len(MODULES), early.stderr
    found, others = [], 0
    for one in told(early.stdout):
        module = re.match(r"Cannot find module `(\w+)", one["description"])
        other = module is not None and module[1] not in sys.stdlib_module_names
        others += other
        found += [] if other else [one]
    assert others > 100  # NumPy and pandas alone
    assert not found, "\n".join(lines(found))


MISTAKES = """
import re
from collections.abc import Iterator

import numpy as np

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError


def attribute(dataset: Dataset) -> str:
    return dataset.names  # missing-attribute


def too_few() -> InputError:
    return InputError.at("labels", "is wrong")  # missing-argument


def wrong_argument() -> InputError:
    return InputError.at("labels", "is wrong", 3)  # bad-argument-type


def unguarded(text: str) -> str:
    return re.match("a", text).group()  # missing-attribute


def returned(values: np.ndarray) -> str:
    return values.shape  # bad-return


def yielded(n: int) -> Iterator[int]:
    yield str(n)  # invalid-yield


def compared(text: str) -> bool:
    return text == 3  # incompatible-comparison


def untyped(x) -> None:  # implicit-any-parameter
    undefined(x)  # unknown-name


def bare(values: list) -> None: ...  # implicit-any-type-argument


class Own(Dataset):
    def rows(self) -> str:  # bad-override
        return ""


def private() -> object:
    return InputError("text")._parts  # missing-attribute


def ignored() -> int:
    return 3  # pyrefly: ignore[bad-return]  # unused-ignore
"""


def test_the_type_checker_finds_mistakes(tmp_path):
    pytest.importorskip("pyrefly", reason="needs pyrefly (in the test extra) to check types")
    path = tmp_path / "mistakes.py"
    path.write_text(MISTAKES, encoding="utf-8")
    command = [*CHECK, f"--config={ROOT / 'pyproject.toml'}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=ROOT)
    made = [(at, kind) for at, line in enumerate(MISTAKES.split("\n"), 1) for kind in re.findall(r"# ([\w-]+)$", line)]
    assert [(one["line"], one["name"]) for one in told(done.stdout)] == made
    assert len(made) == 13
    assert done.returncode == 1


def test_what_the_checker_overlooks_is_named_and_has_a_reason():
    told = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in MODULES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"#\s*(pyrefly|pyright|type|mypy)\s*:", line)
    ]
    bare = [one for one in told if not re.search(r"# pyrefly: ignore\[[a-z-]+\] \(?\w.{8,}", one)]
    assert not bare, f"write `# pyrefly: ignore[rule] (why)`: {bare}"
    assert len(told) <= MOST_IGNORED, f"{len(told)} places: mend causes instead"
