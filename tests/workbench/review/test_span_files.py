"""Files of spans: round trips, and files written by other tools."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.tasks import TASKS
from workbench.tasks.span_tags import SCHEMES

FORMATS = TASKS["spans"].formats
TAGS = [["B-PER", "I-PER", "O", "B-LOC"], ["O"], ["B-LOC", "B-LOC", "O"]]
WORDS = [["Ada", "Berg", "in", "Rome"], ["no"], ["Bonn", "Köln", "😀"]]


@pytest.fixture
def tagged(tmp_path):
    """A run with tags on tokens, an unlabelled example and one decision."""
    frame = pd.DataFrame({"name": ["a", "b c", "ü/d", "e"], "tokens": [*WORDS, ["who"]], "tags": [*TAGS, None]})
    run = wb.import_run(frame, tmp_path / "tagged", label="tags", id="name", task="spans")
    value = TASKS["spans"].encode({"start": 2, "end": 3, "label": "PER"})
    run.journal.relabel("ü/d", value, old="null", units="a0123456789ab")
    return run


@pytest.fixture
def written(tmp_path):
    """A run with spans in characters, nested and with a character beyond 16 bits."""
    texts = ["Bank of England 😀 in Rome", "nothing", "two\nlines", "unlabelled"]
    spans = [[(0, 15, "ORG"), (8, 15, "LOC"), (21, 25, "LOC")], [], [(0, 9, "ORG")], None]
    frame = pd.DataFrame({"name": [1, 2, 3, 4], "text": texts, "spans": spans})
    return wb.import_run(frame, tmp_path / "written", label="spans", id="name", text="text", task="spans")


def corrected(run):
    """Current labels as {id: label}, None if unlabelled."""
    column = TASKS["spans"].to_column(run.labels(), run.classes)
    return dict(zip(run.dataset.ids.tolist(), column))


@pytest.mark.parametrize("name", ["spacy", "labelstudio"])
@pytest.mark.parametrize("kind", ["tagged", "written"])
def test_json_formats_hold_everything(request, tmp_path, name, kind):
    run = request.getfixturevalue(kind)
    form = FORMATS[name]
    file = wb.export(run, tmp_path / f"labels{form.suffixes[0]}", format=name)
    read = form.read(file, classes=run.classes)
    assert dict(zip(read.ids.tolist(), read.given)) == corrected(run)
    assert read.classes == run.classes and read.texts() == [text for text in read.texts() if text]
    again = wb.import_run(file, tmp_path / "again", format=name, task="spans", classes=list(run.classes))
    assert corrected(again) == corrected(run)


def test_brat_holds_spans_of_characters(written, tmp_path):
    file = wb.export(written, tmp_path / "labels.zip", format="brat")
    read = FORMATS["brat"].read(file)
    assert read.classes == written.classes
    assert dict(zip(read.ids.tolist(), read.given)) == {str(key): one for key, one in corrected(written).items()}
    with zipfile.ZipFile(file) as packed:
        packed.extractall(tmp_path / "folder")
        assert packed.read("1.ann").decode().splitlines()[0] == "T1\tORG 0 15\tBank of England"
        assert packed.read("3.ann").decode() == "T1\tORG 0 9\ttwo lines\n" and "4.ann" not in packed.namelist()
    assert FORMATS["brat"].read(tmp_path / "folder").given.tolist() == read.given.tolist()


def test_brat_as_brat_writes_it(tmp_path):
    (tmp_path / "doc-1.txt").write_text("North and South America, 😀 Rome", encoding="utf-8")
    lines = [
        "T1\tLocation 0 5;16 23\tNorth America",
        "T2 broken",
        "R1\tnear Arg1:T1 Arg2:T3",
        "T3\tLocation 27 31\tRome",
    ]
    lines += ["#1\tAnnotatorNotes T1\tsure?", "A1\tNegation E1", "T4\tOther 27 31\tRome"]
    (tmp_path / "doc-1.ann").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "annotation.conf").write_text(
        "# x\n[entities]\nLocation\tArg\n!Unused\n\n[relations]\nnear\n", encoding="utf-8"
    )
    read = FORMATS["brat"].read(tmp_path)
    assert read.ids.tolist() == ["doc-1"] and read.classes == ("Location", "!Unused", "Other")
    assert [tuple(one.values()) for one in read.given[0]] == [
        (0, 23, "Location"),
        (27, 31, "Location"),
        (27, 31, "Other"),
    ]
    with pytest.raises(InputError, match=r"neither a folder nor a \.zip"):
        FORMATS["brat"].read(tmp_path / "doc-1.txt")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_conll_holds_tags_of_every_scheme(tagged, tmp_path, scheme):
    if scheme == "IO":
        with pytest.raises(InputError, match="IO cannot tell adjacent spans"):
            FORMATS["conll"].write(tagged, tmp_path / "labels.conll", scheme=scheme)
        return
    file = FORMATS["conll"].write(tagged, tmp_path / "labels.conll", scheme=scheme)
    read = FORMATS["conll"].read(file, classes=tagged.classes)
    assert read.given.tolist() == [one for one in corrected(tagged).values() if one is not None]
    assert [list(one) for one in read.metadata["tokens"]] == WORDS
    assert not list(tmp_path.glob(".*tmp"))


def test_conll_as_others_write_it(written, tmp_path):
    lines = [
        "-DOCSTART- -X- -X- O",
        "",
        "U.N. NNP I-NP I-ORG",
        "official NN I-NP O",
        "Rolf NNP I-NP I-PER",
        "Berg NNP I-NP B-PER",
    ]
    lines += ["", "-DOCSTART- -X- -X- O", "", "Rome NNP I-NP I-LOC", ""]
    path = tmp_path / "eng.testa"
    path.write_text("\n".join(lines), encoding="utf-8")
    read = FORMATS["conll"].read(path)
    assert read.given.tolist() == [["B-ORG", "O", "B-PER", "B-PER"], ["B-LOC"]]
    assert read.metadata["document"].tolist() == [1, 2] and read.texts()[0] == "U.N. official Rolf Berg"
    assert FORMATS["conll"].read(path, column=2).classes == ("NP",)
    tabs = tmp_path / "wnut.txt"
    tabs.write_text("# id 3\n1 000\tB-MONEY\neuro\tI-MONEY\n\n#\tO\nx\tO\n", encoding="utf-8")
    read = FORMATS["conll"].read(tabs)
    assert read.given.tolist() == [["B-MONEY", "I-MONEY"], ["O", "O"]]
    assert [list(one) for one in read.metadata["tokens"]] == [["1 000", "euro"], ["#", "x"]]
    path.write_text("Rome B-LOC\nalone\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2 has 1 columns: 'alone'"):
        FORMATS["conll"].read(path)
    flat = FORMATS["conll"].write(written, tmp_path / "flat.conll")  # the longest of nested spans, in whole words
    read = FORMATS["conll"].read(flat)
    assert read.given.tolist()[0] == ["B-ORG", "I-ORG", "I-ORG", "O", "O", "B-LOC"] and read.n == 3


def test_jsonl_as_others_write_it(tmp_path):
    path = tmp_path / "prodigy.jsonl"
    records = [
        {"text": "Ada in Rome", "spans": [{"start": 0, "end": 3, "label": "PER", "score": 0.9}], "meta": {"a": 1}},
        {"text": "Bonn", "label": [[0, 4, "LOC"]]},
        {"text": "no label"},
        {"text": "none", "entities": []},
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    read = FORMATS["spacy"].read(path)
    assert [one and [tuple(span.values()) for span in one] for one in read.given] == [
        [(0, 3, "PER")],
        [(0, 4, "LOC")],
        None,
        [],
    ]
    for wrong, words in (({"spans": []}, "line 1 has no text"), ({"text": "x", "spans": [3]}, "line 1 holds")):
        path.write_text(json.dumps(wrong), encoding="utf-8")
        with pytest.raises(InputError, match=words):
            FORMATS["spacy"].read(path)


def test_label_studio_as_it_exports(tmp_path):
    def result(start, end, name, to="body"):
        value = {"start": start, "end": end, "text": "", "labels": [name]}
        return {"id": "x", "from_name": "ner", "to_name": to, "type": "labels", "value": value}

    choice = {"type": "choices", "value": {"choices": ["good"]}, "to_name": "body", "from_name": "c"}
    cancelled = {"was_cancelled": True, "result": []}
    first = {"id": 7, "data": {"body": "Ada in Rome"}, "predictions": [{"result": [result(0, 3, "PER")]}]}
    first["annotations"] = [cancelled, {"result": [choice, result(7, 11, "LOC")]}]
    tasks = [first, {"id": 8, "data": {"body": "x", "text": "y"}, "annotations": [{"result": []}]}]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    read = FORMATS["labelstudio"].read(path, text="body")
    assert read.ids.tolist() == [7, 8] and read.texts() == ["Ada in Rome", "x"]
    assert [[tuple(span.values()) for span in one] for one in read.given] == [[(7, 11, "LOC")], []]
    for wrong, words in (({}, "not a list"), ([{"data": {}}], "task 0 has no text"), ([3], "task 0 has no text")):
        path.write_text(json.dumps(wrong), encoding="utf-8")
        with pytest.raises(InputError, match=words):
            FORMATS["labelstudio"].read(path)


def test_files_need_a_text(tmp_path):
    run = wb.import_run([[(0, 2, "A")], []], tmp_path / "run", task="spans")
    for name, form in FORMATS.items():
        if name != "table":
            with pytest.raises(MissingEvidence, match="Row 0 has none"):
                form.write(run, tmp_path / f"x{form.suffixes[0]}")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert np.array_equal(run.labels().to_pylist(), run.dataset.labels.to_pylist())


def test_the_command_line_imports_and_exports(tagged, tmp_path, capsys):
    from workbench.shell.cli import main

    file = wb.export(tagged, tmp_path / "labels.conll", format="conll")
    assert main(["import", str(file), str(tmp_path / "again"), "--task", "spans", "--format", "conll"]) == 0
    again = wb.open_run(tmp_path / "again")
    assert list(corrected(again).values()) == [one for one in corrected(tagged).values() if one is not None]


def test_export_takes_the_options_of_the_format(written, tagged, tmp_path):
    lines = wb.export(tagged, tmp_path / "a.conll", format="conll", scheme="BIOES").read_text(encoding="utf-8")
    assert {line.split("\t")[1][0] for line in lines.splitlines() if line} == set("BEOS")
    records = json.loads(wb.export(written, tmp_path / "a.json", format="argilla", user_id="4a5c").read_text("utf-8"))
    assert records[0]["responses"]["label"][0]["user_id"] == "4a5c"
    for name, told, words in (
        ("conll", {"shceme": "BIOES"}, "unknown option 'shceme'. Did you mean 'scheme'.*The format is 'conll'"),
        ("conll", {"scheme": "BIOX"}, "unknown scheme 'BIOX'"),
        ("spacy", {"scheme": "BIO"}, "unknown option 'scheme'. Known: none. The format is 'spacy'"),
        (None, {"scheme": "BIO"}, "unknown option 'scheme'. Known: format, force, .*The format is 'table'"),
    ):
        with pytest.raises(InputError, match=words):
            wb.export(tagged, tmp_path / f"b.{name or 'jsonl'}", format=name, **told)
    assert not list(tmp_path.glob("b.*"))


ARGILLA = [
    {
        "id": "r1",
        "status": "completed",
        "fields": {"text": "Ada Berg in Rome"},
        "metadata": {"source": "news"},
        "suggestions": {"spans": {"value": [{"start": 0, "end": 3, "label": "PER"}], "score": 0.5, "agent": "m"}},
        "responses": {
            "spans": [
                {"value": [], "user_id": "u1", "status": "discarded"},
                {"value": [{"start": 0, "end": 8, "label": "PER"}], "user_id": "u2"},
            ]
        },
        "vectors": {},
    },
    {
        "id": "r2",
        "fields": {"text": "in Bonn"},
        "suggestions": {"spans": {"value": [{"start": 3, "end": 7, "label": "LOC"}], "agent": "m"}},
    },
    {"id": "r3", "fields": {"text": "nobody"}, "suggestions": {}, "responses": {}},
]
"""Records in the layout of Argilla's `to_json`: responses before suggestions, discarded ones ignored."""


def test_records_of_argilla_are_read_and_written(written, tagged, tmp_path):
    (tmp_path / "theirs.json").write_text(json.dumps(ARGILLA), encoding="utf-8")
    read = wb.import_run(tmp_path / "theirs.json", tmp_path / "theirs", format="argilla", task="spans")
    spans = [[(one["start"], one["end"], one["label"]) for one in row or ()] for row in read.dataset.given]
    assert spans == [[(0, 8, "PER")], [(3, 7, "LOC")], []] and read.dataset.given[2] is None
    for user in (None, "4a5c"):
        file = FORMATS["argilla"].write(written, tmp_path / f"{user}.json", user_id=user)
        records = json.loads(file.read_text(encoding="utf-8"))
        assert [one["id"] for one in records] == ["1", "2", "3", "4"]
        side = "suggestions" if user is None else "responses"
        assert side in records[0] and "suggestions" not in records[3] and "responses" not in records[3]
        again = FORMATS["argilla"].read(file, classes=written.classes)
        assert list(again.given) == list(corrected(written).values())
    file = wb.export(tagged, tmp_path / "tagged.json", format="argilla")
    texts = {one["id"]: one["fields"]["text"] for one in json.loads(file.read_text(encoding="utf-8"))}
    assert texts["a"] == "Ada Berg in Rome"
    first = FORMATS["argilla"].read(file, classes=tagged.classes).given[0]
    assert [(one["start"], one["end"], one["label"]) for one in first] == [(0, 8, "PER"), (12, 16, "LOC")]
    of_no_span = '[{"fields": {"text": "a"}, "suggestions": {"q": {"value": [1]}}}]'
    for content, words in (
        ("{}", "not a list of records"),
        ('[{"fields": {}}]', "record 0 has no field 'text'"),
        (of_no_span, "are not spans"),
    ):
        (tmp_path / "bad.json").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=words):
            FORMATS["argilla"].read(tmp_path / "bad.json")


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_files_for_hugging_face_have_named_tags(tagged, tmp_path, scheme):
    file = FORMATS["hf"].write(tagged, tmp_path / "tags.parquet", scheme=scheme)
    table = pq.read_table(file)
    assert table.column_names[-2:] == ["tokens", "tags"]
    feature = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    names = feature["tags"]["feature"]["names"]
    assert names[:2] == ["O", "B-LOC"] and feature["tokens"]["_type"] == "Sequence"
    first = [names[code] for code in table.column("tags")[0].as_py()]
    assert first == (TAGS[0] if scheme == "BIO" else ["B-PER", "E-PER", "O", "S-LOC"])
    assert table.column("tags")[3].as_py() is None
    again = FORMATS["hf"].read(file, id="name", label="tags", classes=tagged.classes)
    assert dict(zip(again.ids.tolist(), again.given)) == corrected(tagged)
    datasets = pytest.importorskip("datasets", reason="optional: the library opens the file")
    opened = datasets.load_dataset("parquet", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    assert opened.features["tags"].feature.names == names


def test_files_of_hugging_face_are_read(tmp_path):
    frame = {"id": [1, 2], "tokens": [["Ada", "met"], ["Rome"]], "ner_tags": [[1, 0], None], "pos_tags": [[0, 1], [-1]]}
    features = {
        name: {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"}
        for name, names in (("ner_tags", ["O", "B-PER", "I-PER"]), ("pos_tags", ["NOUN", "VERB"]))
    }
    described = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(pa.table(frame).replace_schema_metadata(described), tmp_path / "theirs.parquet")
    spans = wb.import_run(tmp_path / "theirs.parquet", tmp_path / "spans", format="hf", task="spans")
    assert spans.dataset.given.tolist() == [["B-PER", "O"], None] and spans.classes == ("PER",)
    classes = wb.import_run(tmp_path / "theirs.parquet", tmp_path / "pos", format="hf", task="tokens", label="pos_tags")
    assert classes.dataset.given.tolist() == [["NOUN", "VERB"], [None]] and classes.classes == ("NOUN", "VERB")
    file = wb.export(classes, tmp_path / "out.parquet", format="hf")
    assert pq.read_table(file).column("pos_tags").to_pylist() == [[0, 1], [-1]]
    wrong = pa.table({**frame, "ner_tags": [[7, 0], None]}).replace_schema_metadata(described)
    pq.write_table(wrong, tmp_path / "wrong.parquet")
    with pytest.raises(InputError, match="`labels` row 0 holds 7"):
        FORMATS["hf"].read(tmp_path / "wrong.parquet")


@pytest.mark.parametrize("name, value", [("drop", "skipped"), ("only_changed", True), ("cleaned", "drop")])
def test_a_format_holds_all_examples_and_refuses_a_selection(tagged, tmp_path, name, value):
    with pytest.raises(InputError, match=f"`{name}` selects rows of a table. .*'conll' contains all examples"):
        wb.export(tagged, tmp_path / "labels.conll", format="conll", **{name: value})
    assert not list(tmp_path.glob("labels*"))
