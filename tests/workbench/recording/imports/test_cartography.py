"""Training dynamics as allenai/cartography writes them, and every way in which such files can be wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import ExistsError, InputError, MissingEvidence
from workbench.foundation.statistics import statistics
from workbench.recording.imports import cartography, write


def dump(folder, epochs, name="training_dynamics"):
    """Write {epoch: [(guid, logits, gold), ...]} as files."""
    inner = folder / name
    inner.mkdir(parents=True, exist_ok=True)
    for epoch, rows in epochs.items():
        lines = [json.dumps({"guid": g, f"logits_epoch_{epoch}": z, "gold": y}) for g, z, y in rows]
        (inner / f"dynamics_epoch_{epoch}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_by_hand(tmp_path):
    """Two epochs, other order, one row missing, one unlabelled."""
    source = dump(
        tmp_path / "src",
        {
            0: [("a", [2.0, 0.0, 0.0], 0), ("b", [0.0, 1.0, 0.0], 2)],
            1: [("c", [0.0, 0.0, 3.0], None), ("a", [0.0, 5.0, 0.0], 0)],
        },
    )
    run = wb.import_run(source, tmp_path / "run")
    assert run.dataset.ids.tolist() == ["a", "b", "c"]
    assert run.dataset.given_labels.tolist() == [0, 2, -1]
    assert run.classes == ("0", "1", "2")
    assert run.epochs == (0, 1)
    assert run.mode == "import"
    margin = run.stat_matrix("margin")
    np.testing.assert_array_equal(margin, np.array([[2, -1, np.nan], [-5, np.nan, np.nan]], np.float32))
    assert run.stats(1)["pred"].tolist() == [1, -1, 2]


def test_random_against_statistics_in_blocks(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(cartography, "LINES_AT_A_TIME", 7)
    logits = rng.normal(size=(3, 25, 4))
    gold = rng.integers(0, 4, 25)
    guids = rng.permutation(10**12 + np.arange(25)).tolist()
    rows = {e: [(guids[i], logits[e, i].tolist(), int(gold[i])) for i in rng.permutation(25)] for e in range(3)}
    run = wb.import_run(dump(tmp_path, rows) / "training_dynamics", tmp_path / "run", classes=list("abcd"), logits=True)
    order = run.dataset.rows(guids)
    for epoch in range(3):
        expected = statistics(logits[epoch], gold)
        found = run.stats(epoch)
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name][order], values)
        np.testing.assert_array_equal(run.logits(epoch)[order], logits[epoch].astype(np.float16))
    assert run.dataset.given[order].tolist() == [list("abcd")[code] for code in gold]


def test_one_file_is_one_epoch_and_names_need_classes(tmp_path):
    source = dump(tmp_path / "src", {4: [(1, [0.5, 1.5], "cat"), (2, [0.5, 1.5], "dog")]})
    file = source / "training_dynamics" / "dynamics_epoch_4.jsonl"
    with pytest.raises(InputError, match=r"'cat', 'dog'.*the order of the logits is not known.*--classes"):
        wb.import_run(file, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    run = wb.import_run(file, tmp_path / "run", classes=["dog", "cat"])
    assert run.epochs == (4,)
    assert run.dataset.given_labels.tolist() == [1, 0]


def test_round_trip(tmp_path, rng):
    logits = rng.normal(size=(2, 9, 3)).astype(np.float16).astype(float)
    rows = {e: [(f"x{i}", logits[e, i].tolist(), i % 3) for i in range(9) if (i, e) != (4, 1)] for e in range(2)}
    first = wb.import_run(dump(tmp_path, rows), tmp_path / "one", logits=True)
    folder = write(first, tmp_path / "out", "cartography")
    again = wb.import_run(tmp_path / "out", tmp_path / "two", logits=True)
    assert folder == tmp_path / "out" / "training_dynamics"
    assert again.dataset.ids.tolist() == first.dataset.ids.tolist()
    np.testing.assert_array_equal(again.dataset.given_labels, first.dataset.given_labels)
    for epoch in range(2):
        np.testing.assert_array_equal(again.logits(epoch), first.logits(epoch))
        np.testing.assert_array_equal(again.stats(epoch)["p_given"], first.stats(epoch)["p_given"])
    with pytest.raises(ExistsError, match=r"holds 'dynamics_epoch_0.jsonl', .*force=True"):
        write(first, tmp_path / "out", "cartography")
    write(first, tmp_path / "out", "cartography", force=True)


def test_the_older_suffix_is_read_and_two_files_of_an_epoch_are_refused(tmp_path):
    folder = dump(tmp_path / "a", {0: [(1, [-1.0, 1.0], 0)]}) / "training_dynamics"
    (folder / "dynamics_epoch_0.jsonl").rename(folder / "dynamics_epoch_0.json")
    assert wb.import_run(folder, tmp_path / "run").epochs == (0,)
    (folder / "dynamics_epoch_00.jsonl").write_text("")
    twice = r"two files for one epoch: 'dynamics_epoch_0.json', 'dynamics_epoch_00"
    with pytest.raises(InputError, match=twice):
        wb.import_run(folder, tmp_path / "two")


def test_writing_needs_logits(tmp_path):
    run = wb.import_run(dump(tmp_path, {0: [(1, [-1.0, 1.0], 0)]}), tmp_path / "run")
    with pytest.raises(MissingEvidence, match=r"`logits`.*logits=True"):
        write(run, tmp_path / "out", "cartography")


GOOD = '{"guid": 1, "logits_epoch_0": [0.1, 0.2], "gold": 0}'
BAD_LINES = {
    '{"guid": 2, "logits_epoch_0": [0.1, 0.2]': "line 3 is not JSON",
    "[1, 2]": "line 3 holds list, not an object",
    '{"guid": 2, "logits_epoch_1": [0.1, 0.2], "gold": 0}': "line 3 lacks `logits_epoch_0`",
    '{"logits_epoch_0": [0.1, 0.2], "gold": 0}': "line 3 lacks `guid`",
    '{"guid": 2, "logits_epoch_0": [0.1, 0.2]}': "line 3 lacks `gold`",
    '{"guid": 1, "logits_epoch_0": [0.1, 0.2], "gold": 0}': "line 3 repeats guid 1",
    '{"guid": 2, "logits_epoch_0": [0.1, 0.2, 0.3], "gold": 0}': "line 3 has 3 logits, but earlier lines have 2",
    '{"guid": 2, "logits_epoch_0": [], "gold": 0}': "line 3 has `logits_epoch_0`",
    '{"guid": 2, "logits_epoch_0": [0.1, NaN], "gold": 0}': "line 3 has the logit nan",
    '{"guid": 2, "logits_epoch_0": [0.1, null], "gold": 0}': "line 3 has the logit None",
    '{"guid": 2, "logits_epoch_0": ["a", 1], "gold": 0}': "line 3 has the logit a",
    '{"guid": 2, "logits_epoch_0": [0.1, 0.2], "gold": 2}': "line 3 has gold 2 for 2 logits",
    '{"guid": 2, "logits_epoch_0": [0.1, 0.2], "gold": 0.5}': "line 3 has gold 0.5",
    '{"guid": "b", "logits_epoch_0": [0.1, 0.2], "gold": 0}': "line 3 has guid 'b', but others are like 1",
    '{"guid": true, "logits_epoch_0": [0.1, 0.2], "gold": 0}': "line 3 has guid True",
    '{"guid": [], "logits_epoch_0": [0.1, 0.2], "gold": 0}': r"line 3 has guid \[\]",
    '{"guid": ' + "[" * 100_000: "line 3 is not JSON",
}


@pytest.mark.parametrize("line", BAD_LINES, ids=list(BAD_LINES.values()))
def test_refusals_name_file_and_line_and_leave_nothing(tmp_path, line):
    folder = tmp_path / "training_dynamics"
    folder.mkdir()
    (folder / "dynamics_epoch_0.jsonl").write_text(f"{GOOD}\n\n{line}\n")
    with pytest.raises(InputError, match=rf"dynamics_epoch_0\.jsonl {BAD_LINES[line]}"):
        wb.import_run(folder, tmp_path / "run")
    assert [entry.name for entry in tmp_path.iterdir()] == ["training_dynamics"]


def test_refusals_across_files(tmp_path):
    source = dump(tmp_path / "a", {0: [(1, [-1.0, 1.0], 0)], 1: [(1, [-1.0, 1.0], 1)]})
    with pytest.raises(InputError, match=r"epoch_1\.jsonl line 1 has gold 1 for guid 1, which was 0 before"):
        wb.import_run(source, tmp_path / "run")
    (tmp_path / "empty" / "training_dynamics").mkdir(parents=True)
    (tmp_path / "empty" / "training_dynamics" / "dynamics_epoch_0.jsonl").touch()
    with pytest.raises(InputError, match="holds no examples"):
        wb.import_run(tmp_path / "empty", tmp_path / "run")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="unknown kind of source"):
        wb.import_run(tmp_path / "nothing", tmp_path / "run")
    with pytest.raises(InputError, match="`classes` has 3 names for 2 logits"):
        wb.import_run(dump(tmp_path / "b", {0: [(1, [-1.0, 1.0], 0)]}), tmp_path / "run", classes=list("abc"))


def test_an_occupied_path_is_refused_and_a_replaced_run_keeps_its_journal(tmp_path):
    source = dump(tmp_path / "src", {0: [(1, [-1.0, 1.0], 0), (2, [-1.0, 1.0], 1)]})
    run = wb.import_run(source, tmp_path / "run")
    run.journal.relabel([1], "1", old="0")
    run.journal.close()
    with pytest.raises(ExistsError, match="holds a run already"):
        wb.import_run(source, tmp_path / "run")
    more = dump(tmp_path / "more", {0: [(1, [9.0, 1.0], 0), (2, [-1.0, 1.0], 1)], 5: [(2, [-1.0, 1.0], 1)]})
    run = wb.import_run(more, tmp_path / "run", overwrite=True)
    assert run.epochs == (0, 5)
    assert run.labels().tolist() == [1, 1]
    other = dump(tmp_path / "other", {0: [(7, [-1.0, 1.0], 0)]})
    with pytest.raises(wb.errors.RunError, match="decisions about other examples"):
        wb.import_run(other, tmp_path / "run", overwrite=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(ExistsError, match="exists and is not a run"):
        wb.import_run(source, tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()
