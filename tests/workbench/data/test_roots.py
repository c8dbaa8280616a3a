"""Absolute paths outside the current folder work for the creator of the Dataset, and missing files are reported."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from widgets.view.media import Media
from widgets.view.unrecorded import frame_run
from workbench.data import roots
from workbench.data.dataset import Dataset
from workbench.data.media import encode_png, read_image
from workbench.foundation.errors import InputError


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Paths of six pictures in two folders, with the current folder elsewhere."""
    monkeypatch.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "home"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    paths = []
    for folder in ("a", "b"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for name in range(3):
            paths.append(tmp_path / "data" / folder / f"{name}.png")
            paths[-1].write_bytes(encode_png(np.full((3, 4), 40 * name, np.uint8)))
    return paths


def table(paths) -> pd.DataFrame:
    return pd.DataFrame({"path": [None if path is None else str(path) for path in paths], "label": list("xyxyxy")})


def shown(run) -> list[str]:
    media = Media(run.dataset)
    return [media.item(row).get("error", "src") for row in range(run.dataset.n)]


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def test_absolute_paths_work_at_once_in_a_dataframe_a_recording_and_an_import(photos, tmp_path):
    frame = table(photos)
    assert shown(frame_run(frame, image="path")) == ["src"] * 6
    data = Dataset.from_frame(frame, image="path")
    assert data.media_root == (tmp_path / "data").resolve()
    wb.Recorder(tmp_path / "run", data).close()
    assert shown(wb.open_run(tmp_path / "run")) == ["src"] * 6, "this user recorded it"
    frame.to_csv(tmp_path / "project" / "table.csv", index=False)
    assert shown(wb.import_run(tmp_path / "project" / "table.csv", tmp_path / "read", image="path")) == ["src"] * 6
    arrays = Dataset.from_arrays(range(6), images=[b"", *photos[1:5], None])
    assert arrays.media_root == (tmp_path / "data").resolve()
    assert Dataset.from_arrays([0], sounds=[photos[0]]).media_root == photos[0].parent.resolve()


def test_paths_below_the_current_folder_start_there(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "data")
    assert Dataset.from_frame(table(photos), image="path").media_root == (tmp_path / "data").resolve()
    relative = [os.path.relpath(path) for path in photos]
    assert Dataset.from_frame(table(relative), image="path").media_root == (tmp_path / "data").resolve()
    mixed = [*relative[:3], *photos[3:]]
    assert shown(frame_run(table(mixed), image="path")) == ["src"] * 6


def test_links_lead_to_where_the_files_are(photos, tmp_path):
    (tmp_path / "links").mkdir()
    links = []
    for number, path in enumerate(photos):
        links.append(tmp_path / "links" / f"{number}.png")
        links[-1].symlink_to(path)
    assert shown(frame_run(table(links), image="path")) == ["src"] * 6


def test_a_stranger_reads_nothing_and_is_told_what_to_do(photos, tmp_path, monkeypatch):
    wb.Recorder(tmp_path / "run", Dataset.from_frame(table(photos), image="path")).close()
    monkeypatch.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "stranger"))
    found = shown(wb.open_run(tmp_path / "run"))
    assert all("leaves the media folder" in one and "open_run(path, media_root=FOLDER)" in one for one in found)

    # on another machine the files are elsewhere: the given folder replaces that of the recording
    (tmp_path / "data").rename(tmp_path / "moved")
    assert shown(wb.open_run(tmp_path / "run", media_root=tmp_path / "moved")) == ["src"] * 6
    (tmp_path / "data-more").mkdir()
    (tmp_path / "data-more" / "0.png").write_bytes(encode_png(np.zeros((2, 2), np.uint8)))
    beside = [tmp_path / "moved" / "a" / "0.png", *[tmp_path / "data-more" / "0.png"] * 5]
    with pytest.warns(UserWarning, match="5 of 6 images"):
        outside = Dataset.from_frame(table(beside), image="path", media_root=tmp_path / "moved")
    wb.Recorder(tmp_path / "other", outside).close()
    (tmp_path / "moved").rename(tmp_path / "data")
    run = wb.open_run(tmp_path / "other", media_root=tmp_path / "data")
    assert read_image(run.dataset.image(0), run.dataset.media_root)
    with pytest.raises(InputError, match="leaves the media folder"):
        read_image(run.dataset.image(1), run.dataset.media_root)


def test_files_that_are_not_there_are_told_when_the_dataset_is_made(photos, tmp_path):
    some = [*photos[:4], tmp_path / "data" / "gone.png", tmp_path / "data" / "gone too.png"]
    with pytest.warns(
        UserWarning, match=r"^2 of 6 images cannot be read, first row 4: .*gone.png.*`media_root=FOLDER`"
    ) as told:
        Dataset.from_frame(table(some), image="path")
    assert told[0].filename == __file__, "the warning points to the user's line"
    with pytest.warns(UserWarning, match="None of 5 images .*Some paths are absolute and some are not"):
        frame_run(table([*photos[:4], None, "gone.png"]), image="path")

    names = [path.name for path in photos]
    with pytest.warns(
        UserWarning, match=r"^None of 6 images can be read, first row 0: it does not exist: .*`media_root=FOLDER`"
    ):
        Dataset.from_frame(table(names), image="path")
    assert Dataset.from_frame(table(names), image="path", media_root=tmp_path / "data" / "a").image(0) == "0.png"
    with pytest.raises(InputError, match=r"^None of 6 images .* leaves the media folder"):
        Dataset.from_frame(table(photos), image="path", media_root=tmp_path / "project")
    with pytest.raises(InputError, match=r"^None of 2 sounds can be read; row 0 does not exist: .*leave out `audio=`"):
        Dataset.from_arrays([0, 1], sounds=[tmp_path / "data" / "a.wav", tmp_path / "data" / "b.wav"])
    with pytest.warns(UserWarning, match="3 of 6 images cannot .*Some paths are absolute and some are not"):
        Dataset.from_frame(table([*names[:3], *photos[3:]]), image="path", media_root=tmp_path / "data" / "b" / "..")


def test_paths_without_a_common_folder_are_refused(photos):
    with pytest.raises(InputError, match=r"whose only common folder is /.*media_root='/'"):
        Dataset.from_arrays([0, 1], images=[str(photos[0]), "/etc/hostname"])


def test_what_is_no_path_is_passed_over(photos):
    urls = ["https://example.org/a.png", None, "s3://bucket/b.png"]
    assert Dataset.from_arrays([0, 1, 2], images=urls).media_root is None
    assert Dataset.from_arrays([0, 1], images=[None, np.nan]).media_root is None
    array = np.array([str(photos[0]), str(photos[5])])
    assert Dataset.from_arrays([0, 1], images=array).media_root == photos[0].parents[1].resolve()


def test_of_very_many_paths_a_part_is_looked_for(photos, monkeypatch):
    monkeypatch.setattr(roots, "MOST_CHECKED", 3)
    some = [photos[0], "gone", *photos[1:5]]
    Dataset.from_frame(table([*photos[:5], photos[0]]), image="path")
    with pytest.warns(UserWarning, match=r"1 of the 3 checked images \(of 6\) cannot be read, first row 5"):
        Dataset.from_frame(table([*photos[:5], str(some[0]) + "x"]), image="path")
