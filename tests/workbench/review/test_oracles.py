"""Files of ours are opened by the readers of others, and numbers agree: argilla, ir_measures, nervaluate.

seqeval is not among them: its newest release, 1.2.2 (2020), has no wheel; the strict measure of nervaluate is the same.
"""

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.reports.span_facts import gather_spans
from workbench.tasks.span_table import table_of

TAGS = [
    ["B-PER", "I-PER", "O", "B-LOC"], ["O", "O"], ["B-LOC", "B-LOC", "O"], ["B-PER", "B-PER", "I-PER"], ["B-LOC"],
    ["O", "B-PER", "O"],
]  # fmt: skip


IDS = [f"{letter}{copy}" for copy in range(8) for letter in "abcdef"]


@pytest.fixture(scope="module")
def spans(tmp_path_factory):
    """Sentences of which three have a wrong or a missing span, corrected in the journal."""
    tags = TAGS * 8
    words = [[f"w{place}" for place in range(len(one))] for one in tags]
    frame = pd.DataFrame({"id": IDS, "tokens": words, "tags": tags, "page": range(48)})
    run = wb.import_run(frame, tmp_path_factory.mktemp("spans") / "run", label="tags", id="id", task="spans")
    relabel = run.journal.relabel
    relabel("a0", '{"end":2,"label":"LOC","start":0}', old='{"end":2,"label":"PER","start":0}', units="g0")
    relabel("f0", "null", old='{"end":2,"label":"PER","start":1}', units="g0")
    relabel("b0", '{"end":2,"label":"LOC","start":1}', old=None, units="a0123456789ab")
    return run


@pytest.mark.slow
@pytest.mark.parametrize("user", [None, "00000000-0000-0000-0000-000000000001"])
def test_argilla_reads_our_records_and_we_read_its_own(spans, tmp_path, user):
    pytest.importorskip("argilla", reason="the package `argilla` is missing")
    from argilla.records._io import JsonIO

    file = wb.export(spans, tmp_path / "ours.json", format="argilla", user_id=user)
    records = JsonIO._records_from_json(file)
    assert [one.id for one in records] == IDS and [one.metadata["page"] for one in records] == list(range(48))
    first = records[0].suggestions["label"] if user is None else records[0].responses["label"][0]
    assert first.value[0] == {"start": 0, "end": 5, "label": "LOC"}
    if user is not None:
        assert str(first.user_id) == user
    theirs = JsonIO.to_json(records, tmp_path / "theirs.json")
    again = wb.import_run(theirs, tmp_path / "again", format="argilla", task="spans", classes=spans.classes)
    ours = wb.import_run(file, tmp_path / "ours", format="argilla", task="spans", classes=spans.classes)
    assert again.dataset.given.tolist() == ours.dataset.given.tolist()
    assert again.dataset.ids.tolist() == IDS


@pytest.mark.parametrize("k", [1000, 3])
def test_ir_measures_reads_our_files_and_agrees_on_ndcg_and_mrr(tmp_path, k):
    """With equal scores for whole rankings: cut ones are measured by trec_eval for nDCG only, which breaks ties."""
    peer = pytest.importorskip("ir_measures", reason="the package `ir_measures` is missing")
    rng, ties = np.random.default_rng(k), k == 1000
    pairs = [(f"q{query}", f"d{item}") for query in range(40) for item in rng.permutation(60)[: rng.integers(3, 30)]]
    labels = pd.DataFrame(pairs, columns=["query", "item"])
    labels["grade"] = pd.Series(
        np.where(rng.random(len(labels)) < 0.7, 0, rng.integers(1, 4, len(labels))), dtype=object
    )
    labels.loc[rng.random(len(labels)) < 0.1, "grade"] = None
    run = wb.import_run(labels, tmp_path / "run", task="pairs")
    scores = pd.DataFrame(
        [
            (f"q{query}", f"d{item}", round(rng.normal(), 1 if ties else 9))
            for query in range(38)
            for item in range(0, 60, 2)
        ],
        columns=["query", "item", "bm25"],
    )  # with unjudged items; two queries are not returned
    qrels = list(peer.read_trec_qrels(str(wb.export(run, tmp_path / "grades.qrels", format="trec"))))
    ranking = list(peer.read_trec_run(str(wb.ranking.write_run(scores, tmp_path / "bm25.run", name="bm25"))))
    assert len(qrels) == labels["grade"].notna().sum() and len(ranking) == len(scores)
    ours = wb.ranking.metrics(run, scores, k=k).loc["bm25"]
    measures = {"ndcg": peer.nDCG @ k, "mrr": peer.RR if ties else peer.RR @ k}
    for column, measure in measures.items():
        theirs = {one.query_id: one.value for one in peer.iter_calc([measure], qrels, ranking)}
        for query, value in ours[column].items():
            assert value == pytest.approx(theirs.get(query, 0.0), abs=1e-9), (column, query)


def test_nervaluate_finds_the_same_spans_and_the_same_f1(spans):
    peer = pytest.importorskip("nervaluate", reason="needs Python 3.11 and the package `nervaluate`")
    from nervaluate.loaders import ListLoader

    given = spans.dataset.given.tolist()
    theirs = [[(one.start, one.end + 1, one.label) for one in found] for found in ListLoader().load(given)]
    table = table_of(spans.dataset.labels)
    ours = [[] for _ in given]
    for row, start, end, code in zip(*(column.tolist() for column in table[:4])):
        ours[row].append((start, end, spans.classes[code]))
    assert ours == theirs
    corrected = spans.dataset.with_labels(spans.labels()).given.tolist()
    measured = peer.Evaluator(corrected, given, tags=list(spans.classes), loader="list").evaluate()
    strict = measured["overall"]["strict"]
    quality = gather_spans(spans, None, 0, None).own.quality.set_index("labels")
    ours = quality.loc["compared", ["precision", "recall", "f1"]].tolist()
    assert ours == pytest.approx([strict.precision, strict.recall, strict.f1], abs=1e-9) and ours[2] < 1
