"""Duplicates, outliers and slices: by hand, compared with all pairs, with planted twins, and refusals."""

from __future__ import annotations

import io
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from workbench.data import media
from workbench.data.dataset import Dataset
from workbench.evidence.neighbors import neighbors
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.duplicates import NEAR, duplicates
from workbench.issues.outliers import far_from, outliers
from workbench.recording.recorder import Recorder
from workbench.review.slicing import slices
from workbench.runs.run import open_run
from workbench.scores import score


def stored(path, labels, embeddings=None, **media):
    Recorder(path, Dataset.from_arrays(labels, ids=[f"i{n}" for n in range(len(labels))], **media))
    run = open_run(path)
    if embeddings is not None:
        run.save_embeddings(embeddings)
    return run


def test_equal_texts_by_hand(tmp_path):
    texts = ["a  b", "a b", "c", "", "", "a b\n", "d", "d", "D"]
    labels = ["x", "x", "x", "x", "y", "y", "x", None, "x"]
    table = duplicates(stored(tmp_path / "run", labels, texts=texts))
    assert table.index.tolist() == ["i0", "i1", "i5", "i6", "i7"], "empty texts are no duplicates, case counts"
    assert table["group"].tolist() == [0, 0, 0, 1, 1]
    assert set(table["kind"]) == {"exact"}
    assert table["conflict"].tolist() == [True, True, True, False, False], "an unlabelled twin contradicts nobody"
    assert table["twin"].tolist() == ["i5", "i5", "i0", "i7", "i6"], "the twin with another label comes first"
    assert (table["distance"] == 0).all()
    assert table.attrs["exact"] == 5
    assert table.attrs["conflicts"] == 3


def png(value: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((4, 4), value, np.uint8)).save(out, "PNG")
    return out.getvalue()


def test_equal_files_are_found_and_missing_ones_counted(tmp_path, monkeypatch):
    folder = tmp_path / "pictures"
    folder.mkdir()
    sizes = {}
    for name, data in {"a": png(1), "b": png(1), "c": png(2), "d": png(1) + b"tail"}.items():
        (folder / f"{name}.png").write_bytes(data)
        sizes[name] = len(data)
    assert sizes["a"] == sizes["c"], "of equal size, so that only the bytes tell them apart"
    paths = ["a.png", "b.png", "c.png", "d.png", "gone.png", "../secret.png"]
    (tmp_path / "secret.png").write_bytes(png(1))
    run = stored(tmp_path / "run", ["x", "y", "x", "x", "x", "x"], images=paths, media_root=folder)
    read = []
    whole = media.read_media
    of_duplicates = sys.modules[duplicates.__module__]
    monkeypatch.setattr(of_duplicates, "read_media", lambda one, *rest: read.append(one) or whole(one, *rest))
    table = duplicates(run)
    assert table.index.tolist() == ["i0", "i1"]
    assert table["conflict"].all()
    assert table.attrs["unreadable"] == 2
    assert "d.png" not in read, "a file whose size nobody shares is not read"
    read.clear()
    assert duplicates(run).equals(table)
    assert not read, "the second time nothing is read"
    (folder / "c.png").write_bytes(png(1))
    assert len(duplicates(run)) == 3, "a file that changed is read again"


def test_near_duplicates_are_all_pairs_within_the_threshold(tmp_path):
    """Compared with all pairs of rows, and with twins planted at a hundredth of the usual distance."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(300, 12)).astype(np.float16).astype(np.float32)
    twins = rng.permutation(300)[:40].reshape(20, 2)
    vectors[twins[:, 1]] = vectors[twins[:, 0]] * 1.5 + rng.normal(scale=0.004, size=(20, 12))
    labels = rng.integers(0, 3, 300)
    labels[twins[:10, 1]] = (labels[twins[:10, 0]] + 1) % 3
    labels[twins[10:, 1]] = labels[twins[10:, 0]]
    run = stored(tmp_path / "run", labels, vectors)
    table = duplicates(run)

    kept = np.asarray(run.embeddings(), np.float64)
    unit = kept / np.linalg.norm(kept, axis=1, keepdims=True)
    away = 1 - unit @ unit.T
    np.fill_diagonal(away, np.inf)
    limit = NEAR * np.median(away.min(axis=1))
    assert table.attrs["threshold"] == pytest.approx(limit, rel=1e-3)
    expected = np.flatnonzero((away <= limit).any(axis=1))
    assert sorted(table.index) == sorted(f"i{row}" for row in expected)
    assert set(twins.ravel()) <= set(expected)
    assert table.loc[[f"i{row}" for row in twins[:10].ravel()], "conflict"].all()
    assert not table.loc[[f"i{row}" for row in twins[10:].ravel()], "conflict"].any()
    assert table.loc[f"i{twins[0, 0]}", "twin"] == f"i{twins[0, 1]}"
    assert table.loc[f"i{twins[0, 0]}", "group"] == table.loc[f"i{twins[0, 1]}", "group"]
    assert len(duplicates(run, near=0)) == 0


def test_order_of_rows_does_not_matter(tmp_path):
    texts = [f"text {n % 40}" for n in range(60)]
    labels = ["x" if n % 7 else "y" for n in range(60)]
    table = duplicates(stored(tmp_path / "a", labels, texts=texts))
    back = duplicates(stored(tmp_path / "b", labels[::-1], texts=texts[::-1]))
    renamed = {f"i{59 - n}": f"i{n}" for n in range(60)}
    assert table["conflict"].to_dict() == {renamed[id]: value for id, value in back["conflict"].items()}
    groups = lambda t: {frozenset(t.index[t["group"] == g]) for g in set(t["group"])}  # noqa: E731
    assert groups(table) == {frozenset(renamed[id] for id in group) for group in groups(back)}


def test_what_cannot_be_compared_is_said(tmp_path):
    run = stored(tmp_path / "run", ["x", "y"])
    with pytest.raises(MissingEvidence, match=r"`image`, `text`, `embeddings`.*record embeddings"):
        duplicates(run)
    with pytest.raises(InputError, match=r"`near` is 1\.5"):
        duplicates(run, near=1.5)


def test_outliers_are_beyond_the_fence(tmp_path):
    rng = np.random.default_rng(1)
    vectors = np.concatenate([np.eye(2)[rng.integers(0, 2, 200)] + rng.normal(scale=0.02, size=(200, 2)), [[-1, -1]]])
    run = stored(tmp_path / "run", ["x", "y", "x"] * 67, vectors)
    table = outliers(run)
    assert table.index[0] == "i200"
    assert table["is_outlier"].iloc[0]
    assert table["neighbor_distance"].is_monotonic_decreasing
    graph = neighbors(run, k=30)
    assert table.loc["i7", "neighbor_distance"] == pytest.approx(graph.distances[7].mean(), rel=1e-5)
    assert far_from(np.array([1.0, 2.0, 3.0, 4.0, 5.0, np.nan])) == 4 + 1.5 * 2
    assert np.isnan(far_from(np.array([np.nan])))


def test_a_score_of_no_neighbours_is_missing(tmp_path):
    run = stored(tmp_path / "run", ["x", "y"] * 6, np.vstack([np.eye(11, 4) + 1, [[np.nan] * 4]]))
    values = score(run, "neighbor_distance")["neighbor_distance"]
    assert np.isnan(values["i11"])
    assert np.isfinite(values.drop("i11")).all()


def test_slices_are_what_their_parts_say(tmp_path):
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 90)
    labels = np.where(np.arange(90) % 15 == 0, 1 - truth, truth)
    vectors = np.eye(2)[truth] * 4 + rng.normal(size=(90, 2))
    texts = ["same words" if n < 2 else f"text {n}" for n in range(90)]
    run = stored(tmp_path / "run", [f"c{c}" for c in labels], vectors, texts=texts)
    found = slices(run)
    assert found.index.tolist() == run.dataset.ids.tolist()
    assert {str(dtype) for dtype in found.dtypes} == {"bool"}
    assert found.index[found["exact duplicates"]].tolist() == ["i0", "i1"]
    scores = score(run)
    disagree = scores.index[scores["neighbor_disagreement"] > 0.5]
    assert found.index[found["most neighbours disagree"]].tolist() == disagree.tolist()
    assert set(found.attrs["how"]) == set(found.columns)
    assert found.any().all(), "a slice that holds nothing is left out"
    bare = slices(stored(tmp_path / "bare", [None, None], texts=["a", "b"]), issues=_nothing(2), scores=pd.DataFrame())
    assert bare.shape == (2, 0)


def _nothing(n: int) -> pd.DataFrame:
    return pd.DataFrame({"suggested_label": [None] * n}, index=pd.Index([f"i{k}" for k in range(n)], name="id"))
