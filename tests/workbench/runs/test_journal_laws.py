"""The journal agrees with two plain stacks of decisions per author, for examples and for units."""

from __future__ import annotations

import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.runs.journal import Journal

STEP = st.tuples(
    st.sampled_from(["relabel", "relabel", "keep", "skip", "flag", "note", "undo", "redo"]),
    st.sampled_from(["ann", "bob"]),
    st.sets(st.sampled_from([1, 2, 3, "a"]), min_size=1, max_size=3),
    st.sampled_from(["cat", "dog", "emu"]),
)


def naive(steps):
    """A plain journal with two stacks per author: a list of the effective (author, [(id, field, value)])."""
    held, taken = [], {"ann": [], "bob": []}
    given = {}  # ids whose given label the journal knows ("cat" for all)
    for kind, who, ids, value in steps:
        if kind == "undo":
            mine = [n for n, (author, _) in enumerate(held) if author == who]
            if mine:
                taken[who].append(held.pop(mine[-1]))
        elif kind == "redo":
            if taken[who]:
                held.append(taken[who].pop())
        else:
            if kind == "relabel":
                given.update(dict.fromkeys(ids, "cat"))
                what = [(id, "label", value) for id in ids]
                what += [(id, "verdict", "keep" if value == "cat" else "relabel") for id in ids]
            elif kind == "keep":
                what = [(id, "label", "cat") for id in ids if id in given] + [(id, "verdict", "keep") for id in ids]
            elif kind == "skip":
                what = [(id, "verdict", "skip") for id in ids]
            else:
                what = [(id, kind, "true" if kind == "flag" else value) for id in ids]
            held.append((who, what))
            taken[who].clear()
    state, opinions = {}, {}
    for who, what in held:
        for id, field, value in what:
            state.setdefault(id, dict.fromkeys(["label", "verdict", "flag", "note"]))[field] = value
            if field == "label":
                opinions[id, who] = value
    return state, opinions


@settings(max_examples=50, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_agrees_with_two_plain_stacks(steps):
    with tempfile.TemporaryDirectory() as folder, Journal(folder, author="nobody") as journal:
        for kind, who, ids, value in steps:
            ids = sorted(ids, key=str)
            if kind == "relabel":
                journal.relabel(ids, value, old="cat", author=who)
            elif kind == "note":
                journal.note(ids, value, author=who)
            elif kind in ("undo", "redo"):
                getattr(journal, kind)(author=who)
            else:
                getattr(journal, kind)(ids, author=who)
        state, opinions = naive(steps)
        table = journal.state()
        found = {
            id: dict(row)
            for id, row in zip(table.index, table[["label", "verdict", "flag", "note"]].to_dict("records"))
        }
        for row in found.values():
            row["flag"] = "true" if row["flag"] else None
        assert found == state
        said = journal.opinions().stack() if len(opinions) else {}
        assert {key: value for key, value in dict(said).items() if value is not None} == opinions

        last = {}  # each entry's `old` is the value before it; the last `new` of an id and field is the current value
        for entry in journal.since(0):
            if (entry.id, entry.field) in last:
                assert entry.old == last[entry.id, entry.field]
            last[entry.id, entry.field] = entry.new
        for (id, field), value in last.items():
            baseline = "cat" if field == "label" else None
            held = state.get(id, {}).get(field)
            assert value == (baseline if held is None else held)


@settings(max_examples=20, deadline=None)
@given(st.lists(STEP, max_size=20))
def test_units_obey_the_same_laws_as_examples(steps):
    """The same decisions about examples and about units of one example give the same result."""
    with tempfile.TemporaryDirectory() as folder:
        plain, fine = Journal(f"{folder}/a.sqlite", author="nobody"), Journal(f"{folder}/b.sqlite", author="nobody")
        for kind, who, ids, value in steps:
            ids = sorted(map(str, ids))
            for journal, about, more in ((plain, ids, {}), (fine, ["it"] * len(ids), {"units": ids})):
                if kind in ("undo", "redo"):
                    getattr(journal, kind)(author=who)
                elif kind in ("relabel", "note"):
                    more |= {"old": "cat"} if kind == "relabel" else {}
                    getattr(journal, kind)(about, value, author=who, **more)
                else:
                    getattr(journal, kind)(about, author=who, **more)
        names = ["label", "verdict", "flag", "note", "author"]
        assert fine.state(per="unit")[names].to_numpy().tolist() == plain.state()[names].to_numpy().tolist()
        assert fine.state(per="unit").index.get_level_values("unit").tolist() == plain.state().index.tolist()
        assert fine.state().empty
        assert fine.changes()["label"].tolist() == plain.changes()["label"].tolist()
        assert [e[2:5] for e in fine.since(0)] == [e[2:5] for e in plain.since(0)]
        plain.close()
        fine.close()
