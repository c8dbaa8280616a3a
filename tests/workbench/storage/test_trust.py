"""Trust: the signature that allows image paths to lead out of a run directory."""

from __future__ import annotations

import json
import stat

import numpy as np
import pytest

from workbench.data.dataset import Dataset
from workbench.data.media import encode_png, read_image
from workbench.foundation.errors import InputError
from workbench.recording.recorder import Recorder
from workbench.runs.run import Run
from workbench.storage.trust import is_mine, sign


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_signed_by_me(home, tmp_path):
    signature = sign("u1", tmp_path)
    assert is_mine("u1", tmp_path, signature)
    assert not is_mine("u2", tmp_path, signature)
    assert not is_mine("u1", tmp_path / "..", signature)
    assert not is_mine("u1", tmp_path, signature[:-1] + "z")
    for nothing in (None, 3, "", "ä", []):
        assert not is_mine("u1", tmp_path, nothing)


def test_the_key_is_mine_alone(home, tmp_path):
    sign("u1", tmp_path)
    key = home / "label-workbench" / "media.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 32


def test_another_user_does_not_trust_it(home, tmp_path, monkeypatch):
    signature = sign("u1", tmp_path)
    monkeypatch.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "other"))
    assert not is_mine("u1", tmp_path, signature)
    sign("u1", tmp_path)
    assert not is_mine("u1", tmp_path, signature)


def test_nowhere_to_keep_a_key(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "file"))
    assert sign("u1", tmp_path) is None
    assert not is_mine("u1", tmp_path, "00")


# ---- a run with images beside it -----------------------------------------------------------------------------


@pytest.fixture
def recorded(home, tmp_path):
    """A run whose images are files in a separate folder."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        (photos / name).write_bytes(encode_png(np.zeros((2, 2), np.uint8)))
    (tmp_path / "secret.png").write_bytes(b"secret")
    dataset = Dataset.from_arrays([0, 1], images=["a.png", "b.png"], media_root=photos)
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch([0, 1], [[1.0, 0], [0, 1]])
    return tmp_path / "run"


def image(run, row=0):
    return read_image(run.dataset.image(row), run.dataset.media_root)


def test_my_own_run_shows_its_images(recorded):
    assert image(Run(recorded)).startswith(b"\x89PNG")


def test_a_stranger_sees_no_files_until_the_folder_is_named(recorded, tmp_path, monkeypatch):
    monkeypatch.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "stranger"))
    with pytest.raises(InputError, match="does not exist"):
        image(Run(recorded))
    assert image(Run(recorded, media_root=tmp_path / "photos")).startswith(b"\x89PNG")


@pytest.mark.parametrize("field", ["media_root", "uuid", "media_signature"])
def test_a_changed_description_is_not_trusted(recorded, tmp_path, field):
    description = json.loads((recorded / "run.json").read_text())
    description[field] = {"media_root": str(tmp_path), "uuid": "0" * 32, "media_signature": "0" * 64}[field]
    (recorded / "run.json").write_text(json.dumps(description))
    assert Run(recorded).dataset.media_root == recorded.resolve()
    with pytest.raises(InputError):
        image(Run(recorded))
