"""Examples with several labels in a view: units in the inspector, decisions on them, and the state of an example."""

from __future__ import annotations

import numpy as np
import pytest

import widgets as wd
import workbench as wb
from workbench.foundation.errors import InputError


@pytest.fixture
def view(tagged, tmp_path):
    import shutil

    return wd.Explorer(shutil.copytree(tagged, tmp_path / "tags"))._view


def units(view, row):
    from widgets.view.units import units_of

    return {unit["key"]: unit for unit in units_of(view, row)}


def judge(view, row, **values):
    from widgets.requests.deciding import ask_decide

    return ask_decide(view, {"op": "relabel", "units": [[row, key, value] for key, value in values.items()]}, [])


def test_each_unit_says_what_is_doubtful_about_it(view):
    row = int(view.order[0])
    found = units(view, row)
    worst = view.issues.iloc[0]
    unit = found[worst["unit"]]
    assert unit["name"] == view.dataset.classes[int(worst["unit"][1:])]
    assert unit["p_error"] == pytest.approx(worst["p_error"], abs=1) and unit["doubted"] and not unit["decided"]
    assert (unit["given"], unit["suggested"]) == (worst["given_label"], worst["suggested_label"])
    assert "; ".join(unit["reasons"]) == worst["reasons"]
    assert sum(one["doubted"] for one in found.values()) == worst["units_doubted"]


def test_an_example_has_a_verdict_when_each_doubtful_unit_is_decided(view):
    row = int(view.issues["row"][view.issues["units_doubted"] >= 2].iloc[0])
    doubted = [unit for unit in units(view, row).values() if unit["doubted"]]
    first, *rest = doubted
    judge(view, row, **{first["key"]: first["suggested"]})
    assert (view.decisions.labels[row], view.decisions.verdict[row]) == (1, 0)
    judge(view, row, **{unit["key"]: unit["given"] for unit in rest})
    assert (view.decisions.labels[row], view.decisions.verdict[row]) == (1, 1)
    assert all(units(view, row)[unit["key"]]["decided"] for unit in doubted)
    for _ in range(2):
        view.decisions.undo()
        view.decisions.catch_up()
    assert (view.decisions.labels[row], view.decisions.verdict[row]) == (0, 0)
    assert not any(unit["decided"] for unit in units(view, row).values())


def test_what_is_kept_as_it_is_given_changes_nothing(view):
    row = int(view.order[0])
    judge(view, row, **{key: unit["given"] for key, unit in units(view, row).items()})
    assert (view.decisions.labels[row], view.decisions.verdict[row]) == (0, 2)
    again = wd.Explorer(view.run)._view
    assert np.array_equal(again.decisions.verdict, view.decisions.verdict)


def test_what_is_about_classes_is_refused(view):
    with pytest.raises(InputError, match="which have no single class here"):
        view.decisions.decide("keep", np.array([0]), None, {}, [""])
    with pytest.raises(InputError, match="cannot be set where examples have no single class"):
        view.decisions.replace({})


def test_a_view_without_evidence_can_be_labelled_too(tmp_path):
    import workbench as wb

    dataset = wb.Dataset.from_arrays([["a"], ["b", "a"], []], task="multilabel")
    wb.Recorder(tmp_path / "run", dataset).close()
    view = wd.Explorer(tmp_path / "run")._view
    assert [unit["given"] for unit in units(view, 1).values()] == ["yes", "yes"]
    judge(view, 2, p0="yes")
    assert view.decisions.labels.tolist() == [0, 0, 1]
    assert view.decisions.verdict.tolist() == [0, 0, 1]


def test_arrays_and_lists_open_in_one_call():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(120, 6)).astype(np.float32)
    tags = (features @ rng.normal(size=(6, 4)) > 0).astype(int)
    tags[:4, 0] ^= 1
    ex = wd.Explorer(tags, task="multilabel", embeddings=features)
    assert set(ex.table("all")["label"]) == {"as given"}
    assert ex._view.issues.index[0] in range(4)
    numbers = features @ rng.normal(size=6) + 5
    numbers[:3] *= 10
    assert set(wd.Explorer(numbers, task="numbers", embeddings=features).queue) >= {0, 1, 2}
    assert "120 examples" in repr(ex)


def test_a_tag_is_added_and_decided_and_taken_back(view):
    from widgets.requests.deciding import ask_add_class

    body, _ = ask_add_class(view, {"name": "harbour"}, [])
    code = body["code"]
    assert body["patch"]["added"] == [{"name": "harbour", "stands": True}] and code == view.dataset.k
    row = int(view.order[0])
    key = f"p{code}"
    assert units(view, row)[key]["name"] == "harbour" and units(view, row)[key]["given"] == "no"
    judge(view, row, **{key: "yes"})
    assert units(view, row)[key]["value"] == "yes" and view.decisions.labels[row] == 1
    assert "harbour" in view.run.corrected_labels().iloc[row]
    for _ in range(2):
        view.decisions.undo()
    view.decisions.catch_up()
    assert view.decisions.patch(np.empty(0, np.int32))[0]["added"] == [{"name": "harbour", "stands": False}]
    assert view.decisions.labels[row] == 0
    with pytest.raises(InputError, match="already in the label space"):
        ask_add_class(view, {"name": view.dataset.classes[0]}, [])


def asked_of(view, by):
    """Return the rows of the audit's queue and the JSON part of the answer."""
    from widgets.requests.audit import ask_audit
    from widgets.requests.ordering import ask_queue

    body, arrays = ask_audit(view, {"draw": True}, []) if by == "audit" else ask_queue(view, {"by": by}, [])
    return arrays[0].tolist(), body


def drawn_at(view, row):
    return {key for key, unit in units(view, row).items() if unit.get("asked")}


def test_an_audit_shows_the_drawn_units_of_each_example_once(view):
    sample = wb.audit(view.run, 30)
    rows, body = asked_of(view, "audit")
    assert body["audit"]["done"] == "0 of 30 units judged"
    drawn = {}
    for id, unit in zip(sample.ids, sample.units):
        drawn.setdefault(int(view.dataset.rows([id])[0]), set()).add(unit)
    assert rows == list(drawn)
    assert all(drawn_at(view, row) == drawn[row] for row in rows)
    row = max(rows, key=lambda row: len(drawn[row]))
    first, *rest = sorted(drawn[row])
    judge(view, row, **{first: units(view, row)[first]["given"]})
    assert bool(view.decisions.verdict[row]) == (not rest), "a row is done when each drawn unit is"
    for key in rest:
        judge(view, row, **{key: units(view, row)[key]["given"]})
    assert view.decisions.verdict[row] == 2
    assert set(view.run.journal.log()["source"]) == {"explorer: audit"}
    for row in rows:
        judge(view, row, **{key: units(view, row)[key]["given"] for key in drawn[row]})
    assert sample.estimate().judged == 30 and asked_of(view, "audit")[1]["audit"]["done"] == "30 of 30 units judged"
    asked_of(view, "suspicion")
    assert not any(drawn_at(view, row) for row in rows)


def test_an_audit_hides_what_was_accepted_in_bulk_and_its_second_looks_the_first(view):
    sample = wb.audit(view.run, 12)
    ids, keys = sample.ids.tolist(), sample.units.tolist()
    at = view.dataset.rows(ids).tolist()
    given = view.dataset.values_at(at, keys)
    others = ["no" if value == "yes" else "yes" for value in given]
    view.run.journal.relabel(ids, others, old=given, units=keys, source="explorer: accept selection")
    view.decisions.catch_up()
    assert units(view, at[0])[keys[0]]["value"] == others[0]
    asked_of(view, "audit")
    shown = [units(view, row)[key] for row, key in zip(at, keys)]
    assert [one["value"] for one in shown] == given and not any(one["decided"] for one in shown)
    assert (view.decisions.verdict[at] == 0).all()
    for row, key, value in zip(at, keys, others):
        judge(view, row, **{key: value})
    assert sample.estimate().judged == 12
    due = sample.second_looks()
    assert due and asked_of(view, "again")[1]["count"] == len({id for id, _ in due})
    id, key = due[0]
    row = int(view.dataset.rows([id])[0])
    assert not units(view, row)[key]["decided"]
    judge(view, row, **{key: view.dataset.values_at([row], [key])[0]})
    assert view.run.journal.log()["source"].iloc[-1] == "explorer: second look"
    assert sample.estimate().looked_again == 1


def test_what_is_left_counts_examples_and_falls_with_decisions(view):
    from workbench.issues.totals import error_count

    before = error_count(view.run, view.issues)
    assert "of 240 examples have a wrong label" in before.brief or "may have a wrong label" in before.brief
    row = int(view.order[0])
    doubted = [unit for unit in units(view, row).values() if unit["doubted"]]
    first, *rest = doubted
    judge(view, row, **{first["key"]: first["given"]})
    if rest:
        assert error_count(view.run, view.issues).left == before.left, "one of several doubtful labels is decided"
        judge(view, row, **{unit["key"]: unit["given"] for unit in rest})
    left = error_count(view.run, view.issues).left
    assert left == pytest.approx(before.left - view.issues["p_error"].iloc[0])


def test_a_table_of_units_is_reviewed_in_its_order(tmp_path):
    """Such as the faults of a projection, which have no probability."""
    source = [[(0, 3, "PER"), (11, 15, "LOC")], [], [(0, 3, "PER")]]
    marked = ["Ada fährt nach <b>Rom</b>", "Niemand kam", "<a>Ada</a> und <a>Bo</a> kamen"]
    texts = ["Ada goes to Rome", "Nobody came", "Ada and Bo came"]
    found = wb.spans.read_marked(marked, source, style="letters", source_texts=texts, ids=["x", "y", "z"])
    run = wb.import_run(found.frame(), tmp_path / "run", label="spans", text="text", id="id", task="spans")
    table = found.issues.iloc[::-1]
    ex = wd.Explorer(run, issues=table)
    view = ex._view
    assert ex.queue == ["z", "x"] and view.queue_order == "suspicion" and not view.doubted
    assert ex.issues["units_doubted"].tolist() == [1, 1, 0] and ex.issues["kind"].tolist()[:2] == ["doubled", "lost"]
    lost, doubled = units(view, 0), units(view, 2)
    key = table.index[1][1]
    assert lost[key]["suggested"] == '{"end":3,"label":"PER","start":0}' and lost[key]["p_error"] is None
    assert doubled["g1"]["doubted"] and doubled["g1"]["reasons"] and not doubled["g0"].get("doubted")
    judge(view, 0, **{key: lost[key]["suggested"]})
    judge(view, 2, g1="null")
    assert view.decisions.verdict.tolist()[0] and view.decisions.verdict.tolist()[2]
    assert [len(one["spans"]) for one in run.labels().to_pylist()] == [2, 0, 1]


def test_tables_of_units_are_pooled_by_example(view):
    from workbench.issues.per_example import examples_of_units

    whole = wb.find_issues(view.run, per="unit")
    table, pooled = examples_of_units(whole.iloc[:50], view.dataset)
    expected = wb.find_issues(view.run)
    assert set(table["row"]) == set(whole["row"].iloc[:50])
    some = pooled.index[pooled["units"] == view.dataset.k] if (pooled["units"] == view.dataset.k).any() else []
    assert pooled.loc[some, "p_error"].to_numpy() == pytest.approx(expected.loc[some, "p_error"].to_numpy())
    assert len(pooled) == view.dataset.n and pooled["row"].tolist()[0] == whole["row"].iloc[0]
    whole_table = examples_of_units(whole, view.dataset)[1].loc[expected.index]
    assert {name: whole_table.attrs[name] for name in ("expected_errors", "counted", "judged")} == {
        name: expected.attrs[name] for name in ("expected_errors", "counted", "judged")
    }
    assert whole_table["p_error"].to_numpy() == pytest.approx(expected["p_error"].to_numpy(), abs=1e-9)
    bare = examples_of_units(whole[["row"]].iloc[:3], view.dataset)[1]
    assert bare["is_issue"].sum() == bare["units"].gt(0).sum() and bare["p_error"].isna().all()
    with pytest.raises(InputError, match="not in the dataset"):
        examples_of_units(whole.rename({whole.index[0][0]: "other"}, level=0).iloc[:1], view.dataset)


def test_classes_without_probabilities_are_reviewed_in_the_order_of_the_table():
    """Such as demonstrations, whose doubt is not calibrated."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(3, 1, (20, 3)), rng.normal(-3, 1, (20, 3))])
    labels = np.repeat(np.array(["a", "b"], object), 20)
    labels[[4, 30]] = ["b", "a"]
    issues = wb.demonstrations.demonstration_issues(labels, embeddings=x)
    ex = wd.Explorer(wb.Dataset.from_arrays(labels.tolist()), issues=issues)
    assert sorted(ex.queue) == [4, 30] and ex.queue == issues.index[:2].tolist()
    assert ex._view.queue_order == "suspicion" and not ex._view.doubted
    assert ex.table("all").loc[[4, 30], "suggested_label"].tolist() == ["a", "b"]


def test_neighbours_say_their_labels_and_only_issues_have_a_kind_of_error(view):
    from widgets.requests import answer

    row = int(view.order[0])
    near = answer(view, {"kind": "inspect", "row": row}, [])[0]["neighbors"]
    given = view.dataset.given[near["rows"]]
    assert near["labels"] == [{"": ", ".join(one) or ""} for one in given] and len(near["labels"]) > 5
    doubted = view.issues["is_issue"] | (view.issues["units_doubted"] > 0)
    assert (view.columns["kind"].values[view.issues["row"]] >= 0).tolist() == doubted.tolist()
    assert 0 < doubted.sum() < len(doubted)


def test_neighbours_of_numbers_say_the_number_of_each_column(tmp_path):
    from widgets.view.details import given_texts

    data = wb.Dataset.from_arrays(np.array([[1.5, 2], [np.nan, 3]]), task="numbers", classes=["a", "b"])
    assert [given_texts(data, row) for row in (0, 1)] == [{"p0": "1.5", "p1": "2"}, {"p0": "no number", "p1": "3"}]
    one = wb.Dataset.from_arrays([4.0, None], task="numbers")
    assert [given_texts(one, row) for row in (0, 1)] == [{"": "4"}, {"": "no number"}]
    sets = wb.Dataset.from_arrays([["x", "y"], None], task="candidates", classes=["x", "y"])
    assert [given_texts(sets, row) for row in (0, 1)] == [{"": "x, y"}, {"": "–"}]
    assert given_texts(wb.Dataset.from_arrays([[(0, 1, "x")]], task="spans"), 0) == {}
