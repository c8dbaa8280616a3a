"""A few trials of `fuzz.py`: each kind of file once, and damage that once caused an internal error."""

from __future__ import annotations

import importlib.util
import signal
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "alarm"), reason="needs an alarm for what hangs"),
]

_spec = importlib.util.spec_from_file_location("fuzz", Path(__file__).parent / "fuzz.py")
fuzzing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzzing)

ONCE = (
    *(("logits.npy", "zeros", False, seed) for seed in (55, 118)),
    *(("embeddings.npy", kind, True, 0) for kind in ("link to nothing", "link to itself", "pipe", "folder")),
    *(("stats.parquet", kind, True, 0) for kind in ("link to nothing", "link to itself", "pipe", "folder")),
    *(("journal.sqlite", kind, True, 0) for kind in ("link to nothing", "link to itself", "pipe", "link to a device")),
    ("checkpoints.safetensors", "link to nothing", True, 4),
    ("checkpoints.safetensors", "pipe", True, 0),
    ("checkpoints.safetensors", "folder", True, 0),
    ("views.json", "pipe", True, 0),
    ("pred_probs.json", "pipe", True, 0),
    ("pred_probs.npy", "link to itself", True, 0),
    ("cache.npz", "folder", True, 0),
)


@pytest.fixture(scope="module")
def fuzz(tmp_path_factory):
    return fuzzing.Fuzz(tmp_path_factory.mktemp("fuzz"), everything=False)


def test_each_kind_of_file_once(fuzz):
    wrong = [line for seed in range(len(fuzz.kinds)) for line in fuzz.trial(seed)]
    assert wrong == []


@pytest.mark.parametrize("of", ["pairs", "texts"])
def test_each_table_of_evidence_once(of, tmp_path):
    fuzz = fuzzing.Fuzz(tmp_path, everything=False, of=of)
    tables = [name for name in fuzz.kinds if name.startswith("evidence/")]
    assert len(tables) >= 5
    late = [("pipe", True), ("link to itself", True), ("another's", False)]
    drawn = [line for seed in range(len(fuzz.kinds)) for line in fuzz.trial(seed)]
    told = [line for seed, name in enumerate(tables) for line in fuzz.trial(seed, name, *late[seed % len(late)])]
    assert drawn + told == []


def test_damages_that_were_not_told_once(fuzz):
    wrong = [line for of, kind, late, seed in ONCE for line in fuzz.trial(seed, of, kind, late)]
    assert wrong == []


def test_a_trial_sees_what_is_silent(fuzz, monkeypatch):
    """The trials themselves can fail: they report numbers that change silently and unexpected exceptions."""
    monkeypatch.setattr(fuzzing, "inspect", lambda run: [])
    assert "gave something else" in fuzz.trial(0, "votes.parquet", "gone", True)[0]
    monkeypatch.setattr(fuzzing, "read_plan", lambda run, path: 1 / 0)
    assert "ZeroDivisionError" in fuzz.trial(0, "votes.parquet", "one bit", False)[0]
