"""Open names of detections: likelihoods of classes, mappings of names, merged COCO files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import InputError

CLASSES = ["chair", "sofa", "table", "bed"]
OPEN = ["chair", "armchair", "couch", "table", "desk", "bed"]
LIKELIHOOD = np.array([  # P(name | class), a column per class
    [0.50, 0.10, 0.05, 0.02], [0.30, 0.35, 0.02, 0.02], [0.10, 0.40, 0.03, 0.30], [0.05, 0.05, 0.45, 0.05],
    [0.03, 0.02, 0.40, 0.06], [0.02, 0.08, 0.05, 0.55],
])  # fmt: skip


@pytest.fixture(scope="module")
def tracks():
    """200 objects with four detections each, named by the table: detections and the true classes."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, 4, 200)
    rows = [(number, OPEN[rng.choice(6, p=LIKELIHOOD[:, code])]) for number, code in enumerate(true) for _ in range(4)]
    return pd.DataFrame(rows, columns=["object", "name"]), true


def test_the_likelihood_table_beats_a_majority_vote(tracks):
    detections, true = tracks
    table = pd.DataFrame(LIKELIHOOD, index=OPEN, columns=CLASSES)
    posterior = wb.vision.fuse_detections(detections, table)
    accuracy = (posterior.to_numpy().argmax(axis=1) == true).mean()
    closed = dict(zip(OPEN, ["chair", "chair", "sofa", "table", "table", "bed"]))
    votes = detections["name"].map(closed).groupby(detections["object"]).agg(lambda own: own.mode()[0])
    assert accuracy > (votes == np.array(CLASSES)[true]).mean() + 0.05
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    order = np.random.default_rng(1).permutation(len(detections))
    other = wb.vision.fuse_detections(detections.iloc[order], table)
    np.testing.assert_allclose(other.loc[posterior.index], posterior)
    top = posterior.max(axis=1).to_numpy()
    assert abs(top.mean() - accuracy) < 0.05, "calibrated, as detections are independent here"


def test_the_table_is_estimated_from_known_objects(tracks):
    detections, true = tracks
    classes = np.array(CLASSES)[true[detections["object"]]]
    table = wb.vision.likelihood_table(detections["name"], classes, all_names=OPEN)
    wanted = pd.DataFrame(LIKELIHOOD, index=OPEN, columns=CLASSES)
    assert np.abs(table[CLASSES] - wanted).to_numpy().max() < 0.12
    np.testing.assert_allclose(table.sum(axis=0), 1)


def test_scores_and_priors_by_hand():
    table = pd.DataFrame({"x": [0.8, 0.2], "y": [0.4, 0.6]}, index=["a", "b"])
    seen = pd.DataFrame({"object": [1, 1, 2], "name": ["a", "b", "a"], "score": [1, 0.5, 0]})
    found = wb.vision.fuse_detections(seen, table, prior={"x": 0.25, "y": 0.75})
    x, y = 0.25 * 0.8 * 0.2**0.5, 0.75 * 0.4 * 0.6**0.5
    np.testing.assert_allclose(found.loc[1], [x / (x + y), y / (x + y)])
    np.testing.assert_allclose(found.loc[2], [0.25, 0.75])


SYNONYMS = {"car": ["automobile", "Cars"], "person": ["pedestrian", "Person"], "dog": ["hound", "puppy"]}


@pytest.fixture(scope="module")
def vectors():
    """Embeddings of classes and their synonyms, which are near to each other."""
    rng = np.random.default_rng(2)
    found = {"tree": rng.normal(size=24), "cloud": rng.normal(size=24)}
    for name, others in SYNONYMS.items():
        center = rng.normal(size=24)
        found |= {one: center + rng.normal(0, 0.35, 24) for one in (name, *others)}
    return found


def f1(mapping, wanted):
    right = len(set(mapping.items()) & set(wanted.items()))
    return 2 * right / (len(mapping) + len(wanted))


WANTED = {other: name for name, others in SYNONYMS.items() for other in others}


def test_names_are_mapped_by_their_embeddings(vectors):
    names = [*WANTED, "cloud"]
    found = wb.vision.match_class_names(names, [*SYNONYMS, "tree"], embeddings=vectors)
    assert f1(found.mapping, WANTED) == 1 and found.table.loc["cloud", "class"] is None
    assert found.matrix.shape == (7, 4) and found.table["margin"].is_monotonic_increasing
    spelled = wb.vision.match_class_names(names, [*SYNONYMS, "tree"])
    assert spelled.mapping == {"Cars": "car", "Person": "person"}, "spelling knows no synonyms"


def coco(categories, boxes, images=2):
    """Return a COCO file: categories by id, boxes (image, category id, x)."""
    return {
        "images": [{"id": one, "file_name": f"{one}.png", "width": 50, "height": 40} for one in range(1, images + 1)],
        "categories": [{"id": code, "name": name} for code, name in categories.items()],
        "annotations": [
            {
                "id": 100 + number,
                "image_id": image,
                "category_id": code,
                "bbox": [x, 2, 10, 5],
                "iscrowd": 0,
                "odd": "kept",
            }
            for number, (image, code, x) in enumerate(boxes)
        ],
    }


@pytest.fixture
def three(tmp_path):
    files = {
        "a": coco({1: "car", 2: "person", 3: "tree"}, [(1, 1, 0), (1, 2, 5), (2, 3, 7)]),
        "b": coco({7: "automobile", 9: "pedestrian"}, [(1, 7, 1), (2, 9, 2), (2, 9, 3)]),
        "c": coco({0: "hound", 1: "Cars"}, [(2, 0, 4), (1, 1, 6)]),
    }
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return {name: tmp_path / f"{name}.json" for name in files}, files


def test_merged_files_lose_no_box_and_keep_names_and_ids(three, vectors, tmp_path):
    paths, files = three
    names = [one["name"] for file in ("b", "c") for one in files[file]["categories"]]
    found = wb.vision.match_class_names(names, ["car", "person", "tree", "dog"], embeddings=vectors)
    counted = wb.vision.merge_coco(paths, tmp_path / "all.json", names=found.mapping)
    merged = json.loads((tmp_path / "all.json").read_text())
    name_of = {one["id"]: one["name"] for one in merged["categories"]}
    image_of = {one["id"]: (one["dataset"], one["original_id"], one["file_name"]) for one in merged["images"]}
    assert sorted(name_of.values()) == ["car", "dog", "person", "tree"] and len(image_of) == 6
    kept = {
        (one["dataset"], image_of[one["image_id"]][:2], one["original_name"], tuple(one["bbox"]), one["original_id"],
         one["odd"])
        for one in merged["annotations"]
    }  # fmt: skip
    wanted = set()
    for dataset, content in files.items():
        own = {one["id"]: one["name"] for one in content["categories"]}
        wanted |= {
            (dataset, (dataset, one["image_id"]), own[one["category_id"]], tuple(one["bbox"]), one["id"], "kept")
            for one in content["annotations"]
        }
    assert kept == wanted and len(merged["annotations"]) == 8
    assert all(WANTED.get(one["original_name"], one["original_name"]) == name_of[one["category_id"]]
               for one in merged["annotations"])  # fmt: skip
    assert counted["boxes"].sum() == 8
    run = wb.import_run(tmp_path / "all.json", tmp_path / "run", task="boxes", format="coco")
    assert run.dataset.units.m == 8


def test_open_detections_become_predictions_of_the_own_classes(three, vectors, tmp_path):
    paths, _ = three
    content = coco({5: "puppy", 6: "pedestrian", 7: "cloud"}, [(1, 5, 0), (2, 6, 3), (2, 7, 9)])
    for number, one in enumerate(content["annotations"]):
        one["score"] = 0.9 - 0.1 * number
    (tmp_path / "open.json").write_text(json.dumps(content))
    labels = wb.import_run(paths["a"], tmp_path / "run", task="boxes", format="coco")
    read = wb.vision.read_open_detections(tmp_path / "open.json", labels)
    assert [one["labels"].tolist() for one in read] == [["puppy"], ["pedestrian", "cloud"]]
    assert read[0]["bboxes"].tolist() == [[0, 2, 10, 7]] and read[1]["scores"].tolist() == pytest.approx([0.8, 0.7])
    names = [name for one in read for name in one["labels"]]
    found = wb.vision.match_class_names(names, ["car", "person", "tree", "dog"], embeddings=vectors)
    assert found.mapping == {"puppy": "dog", "pedestrian": "person"}
    mapped = wb.vision.read_open_detections(tmp_path / "open.json", labels, names=found.mapping)
    assert [one["labels"].tolist() for one in mapped] == [["dog"], ["person"]]


def test_refusals(three, tmp_path):
    _, files = three
    with pytest.raises(InputError, match="unknown name in `likelihood` 'z'"):
        wb.vision.fuse_detections(pd.DataFrame({"object": [1], "name": ["z"]}), pd.DataFrame({"x": [1.0]}, index=["a"]))
    with pytest.raises(InputError, match="Smooth it"):
        wb.vision.fuse_detections(pd.DataFrame({"object": [1], "name": ["a"]}), pd.DataFrame({"x": [0.0]}, index=["a"]))
    with pytest.raises(InputError, match="no positive probability of 'x'"):
        wb.vision.fuse_detections(
            pd.DataFrame({"object": [1], "name": ["a"]}), pd.DataFrame({"x": [1.0]}, index=["a"]), prior={"y": 1}
        )
    with pytest.raises(InputError, match="unknown name in `all_names`"):
        wb.vision.likelihood_table(["a"], ["x"], all_names=["b"])
    with pytest.raises(InputError, match="unknown name in `embeddings` 'a'"):
        wb.vision.match_class_names(["a"], ["b"], embeddings={})
    bad = files["a"] | {"annotations": [{"id": 1, "image_id": [1], "category_id": 1}]}
    (tmp_path / "bad.json").write_text(json.dumps(bad))
    with pytest.raises(InputError, match=r"annotation 1 names image \[1\]"):
        wb.vision.merge_coco({"bad": tmp_path / "bad.json"}, tmp_path / "out.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(InputError, match="has no list `images`"):
        wb.vision.merge_coco({"list": tmp_path / "list.json"}, tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()
