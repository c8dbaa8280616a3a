"""The shipped data: small, complete, and with the checksums and properties stated in its README."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess

import numpy as np
import pytest

import workbench as wb

ROW = re.compile(r"^\| (\S+) \| ([\d,]+) \| ([0-9a-f]{64}) \|$", re.MULTILINE)


@pytest.fixture
def stated(root):
    """Return a dict of file to (bytes, sha256) from the README."""
    text = (root / "data" / "README.md").read_text(encoding="utf-8")
    return {name: (int(size.replace(",", "")), digest) for name, size, digest in ROW.findall(text)}


def test_files_are_those_of_the_readme(root, stated):
    for name, (size, digest) in stated.items():
        content = (root / "data" / name).read_bytes()
        assert len(content) == size, name
        assert hashlib.sha256(content).hexdigest() == digest, name
    assert sum(size for size, _ in stated.values()) < 2_000_000
    try:
        listed = subprocess.run(["git", "ls-files", "data"], cwd=root, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    tracked = {line.removeprefix("data/") for line in listed.split()}
    assert tracked - {"README.md", ".gitignore"} == set(stated)


def test_the_run_is_what_the_readme_says(root, tmp_path):
    from sklearn.datasets import load_digits

    shutil.copytree(root / "data" / "digits-run", tmp_path / "run")
    run = wb.open_run(tmp_path / "run")
    truth = load_digits().target
    planted = run.planted()
    assert (run.n, run.k, len(run.epochs), len(planted)) == (1797, 10, 10, 144)
    labels = run.dataset.given_labels.copy()
    np.testing.assert_array_equal(np.flatnonzero(labels != truth), planted["id"])
    assert (run.pred_probs().values.argmax(axis=1) == truth).mean() > 0.95
    assert run.pred_probs().out_of_fold
    assert run.embeddings().shape == (1797, 64)
    assert run.dataset.image(0).startswith(b"\x89PNG")
    confidence = run.stat_matrix("p_given").mean(axis=0)
    wrong = labels != truth
    assert np.median(confidence[wrong]) < 0.2 < 0.6 < np.median(confidence[~wrong])
