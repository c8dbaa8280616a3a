"""A small real run for browser tests: scikit-learn's digits with planted errors, recorded from softmax regression."""

from __future__ import annotations

import io
import wave
from functools import cache
from pathlib import Path

import numpy as np

EPOCHS = 8


def noisy_digits(n: int = 900, flipped: int = 70):
    """Return (dataset, features (n, 64) in [0, 1], rows whose label was changed)."""
    from sklearn.datasets import load_digits

    from workbench.data.dataset import Dataset

    rng = np.random.default_rng(7)
    digits = load_digits()
    labels = digits.target[:n].copy()
    rows = rng.choice(n, flipped, replace=False)
    labels[rows] = (labels[rows] + rng.integers(1, 10, flipped)) % 10
    images = digits.images[:n] / 16.0
    dataset = Dataset.from_arrays(labels, classes=[str(d) for d in range(10)], images=images, ids=np.arange(n) + 1000)
    return dataset, digits.data[:n] / 16.0, rows


def sound(values: np.ndarray) -> bytes:
    """A WAV file of values in [-32768, 32767], 8,000 a second."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(values.astype("<i2").tobytes())
    return out.getvalue()


def recorded_run(path: Path) -> Path:
    """Record `EPOCHS` epochs of softmax regression by gradient descent, with the pixels as embedding."""
    from workbench.recording.recorder import Recorder

    dataset, features, _ = noisy_digits()
    train(Recorder(path, dataset), dataset, features)
    return path


def train(recorder: object, dataset: object, features: np.ndarray, rate: float = 0.5, batch: int = 100) -> None:
    """Softmax regression, recorded batch by batch."""
    rng = np.random.default_rng(3)
    weights = np.zeros((features.shape[1], dataset.k))
    for epoch in range(EPOCHS):
        with recorder.epoch(epoch):
            order = rng.permutation(dataset.n)
            for start in range(0, dataset.n, batch):
                rows = order[start : start + batch]
                logits = features[rows] @ weights
                last = epoch == EPOCHS - 1
                recorder.batch(dataset.ids[rows], logits, embeddings=features[rows] if last else None)
                probs = np.exp(logits - logits.max(1, keepdims=True))
                probs /= probs.sum(1, keepdims=True)
                probs[np.arange(len(rows)), dataset.given_labels[rows]] -= 1
                weights -= rate * features[rows].T @ probs / len(rows) * 2


def hostile_run(path: Path, n: int = 300) -> Path:
    """A run whose classes, ids, texts and columns contain markup that sets `window.hacked` if it is interpreted."""
    import pandas as pd

    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder

    rng = np.random.default_rng(5)
    evil = "<img src=x onerror='window.hacked=1'>"
    truth = rng.integers(0, 2, n)
    labels = np.where(rng.random(n) < 0.1, 1 - truth, truth)
    features = rng.normal(0, 1, (n, 8)) + 3 * truth[:, None]
    columns = pd.DataFrame({f"note {evil}": [f"{evil} {i}" for i in range(n)]})
    ids = [f"{evil}{i}" for i in range(n)]
    texts = [f"</span><script>window.hacked = 1</script>{evil} text {i}" for i in range(n)]
    dataset = Dataset.from_arrays(
        labels,
        classes=[f"a {evil}", "b </option><script>window.hacked=1</script>"],
        ids=ids,
        texts=texts,
        metadata=columns,
    )
    train(Recorder(path, dataset), dataset, features / 6)
    return path


def tagged_run(path: Path, n: int = 240) -> Path:
    """Captions with eight yes/no tags, some of them flipped, an embedding and held-out probabilities.

    Every boat is at a beach.
    """
    import pandas as pd

    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder

    rng = np.random.default_rng(5)
    tags = ("beach", "boat", "child", "dog", "forest", "night", "portrait with a very long name indeed", "snow")
    embedding = rng.normal(size=(n, 16))
    score = embedding @ rng.normal(size=(16, len(tags)))
    score -= np.quantile(score, 0.75, axis=0)
    score[:, 0] = np.maximum(score[:, 0], score[:, 1])
    given = (score > 0) ^ (rng.random(score.shape) < 0.05)
    listed = [[tags[tag] for tag in np.flatnonzero(row)] for row in given]
    texts = [f"caption {row}: " + " ".join(rng.choice(tags, 4)) for row in range(n)]
    frame = pd.DataFrame({"id": [f"photo-{row}" for row in range(n)], "tags": listed, "text": texts})
    dataset = Dataset.from_frame(frame, label="tags", id="id", text="text", task="multilabel", classes=tags)
    Recorder(path, dataset).close()
    from workbench.runs.run import open_run

    run = open_run(path)
    run.save_embeddings(embedding.astype(np.float32), trained_on_labels=False)
    run.save_pred_probs(1 / (1 + np.exp(-2 * score)), out_of_fold=True, source="made up")
    return path


def candidates_run(path: Path, n: int = 240, epochs: int = 0) -> Path:
    """Birds with two or three of twelve candidates; every tenth set lacks the true one.

    epochs : number of recorded epochs, in which the true class becomes more and more probable.
    """
    import pandas as pd

    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder
    from workbench.runs.run import open_run

    rng = np.random.default_rng(0)
    birds = ("crow", "dove", "duck", "finch", "gull", "heron", "ibis", "jay", "kite", "owl", "robin", "swift")
    true = rng.integers(0, 12, n)
    features = (rng.normal(size=(12, 16))[true] * 2 + rng.normal(size=(n, 16))).astype(np.float32)
    order = np.array([rng.permutation(np.delete(np.arange(12), one)) for one in true])
    sets = [
        [*others[: 1 + row % 2], one if row % 10 else others[4]] for row, (one, others) in enumerate(zip(true, order))
    ]
    frame = pd.DataFrame({"id": [f"bird-{row}" for row in range(n)], "song": [f"song {row}" for row in range(n)]})
    frame["sets"] = [[birds[code] for code in one] for one in sets]
    dataset = Dataset.from_frame(frame, label="sets", id="id", text="song", task="candidates", classes=birds)
    with Recorder(path, dataset) as recorder:
        for epoch in range(epochs):
            with recorder.epoch(epoch):
                recorder.batch(dataset.ids, (epoch + 0.5) * np.eye(12)[true] + 0.3 * rng.normal(size=(n, 12)))
    open_run(path).save_embeddings(features, trained_on_labels=False)
    return path


def numbered_run(path: Path, n: int = 240) -> Path:
    """Prices determined by six features; twelve of them are ten times too large."""
    import pandas as pd

    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder
    from workbench.runs.run import open_run

    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, 6)).astype(np.float32)
    price = 100 + 20 * features @ np.array([1, 0.5, -0.7, 0.2, 0.1, 0.4]) + 3 * rng.normal(size=n)
    price[:12] *= 10
    texts = [f"house {row}" for row in range(n)]
    frame = pd.DataFrame({"id": [f"house-{row}" for row in range(n)], "price": price.round(1), "note": texts})
    Recorder(path, Dataset.from_frame(frame, label="price", id="id", text="note", task="numbers")).close()
    open_run(path).save_embeddings(features, trained_on_labels=False)
    return path


def span_run(path: Path, n: int = 200) -> Path:
    """Sentences with people and towns, tagged word by word; every tenth lacks a tag, or has one of the other class."""
    import pandas as pd

    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder

    rng = np.random.default_rng(4)
    people, towns = ["Ada Berg", "Boris Costa", "Chen Dimas", "Dana Ekman"], ["Norwell", "Oakham", "Kelsing"]
    words, tags = [], []
    for row in range(n):
        person, town = str(rng.choice(people)).split(), str(rng.choice(towns))
        own = [*person, "went", "to", town, "and", "left", town, "again", "."]
        of = ["B-PER", "I-PER", "O", "O", "B-LOC", "O", "O", "B-LOC", "O", "O"]
        if row % 20 == 7:
            of[4] = "O"
        elif row % 20 == 17:
            of[:2] = ["B-LOC", "I-LOC"]
        words.append(own)
        tags.append(of)
    frame = pd.DataFrame({"id": [f"s{row}" for row in range(n)], "tokens": words, "tags": tags})
    frame["text"] = [" ".join(own) for own in words]
    Recorder(path, Dataset.from_frame(frame, label="tags", id="id", text="text", task="spans")).close()
    return path


def text_run(path: Path, n: int = 120) -> Path:
    """Captions with match scores and alternatives; every tenth belongs to another picture. Some are Hebrew or long."""
    import pandas as pd

    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder

    rng = np.random.default_rng(5)
    colors, things = ("red", "green", "blue", "grey"), ("car", "boat", "kite", "house")
    right = [f"a {rng.choice(colors)} {rng.choice(things)} in the colour of picture {row}" for row in range(n)]
    right[6] = "מכונית אדומה ליד הבית 6"
    right[16] = " ".join(f"word{place}" for place in range(2000))
    wrong = np.arange(n) % 10 == 6
    texts = [f"a yellow duck on a pond {row}" if bad else text for row, (text, bad) in enumerate(zip(right, wrong))]
    frame = pd.DataFrame({"id": [f"t{row}" for row in range(n)], "caption": texts})
    frame["match"] = np.where(wrong, 0.1, 0.3) + rng.normal(0, 0.01, n) - 1e-3 * np.arange(n) * wrong
    frame["alternatives"] = [[text, f"a picture of something {row}"] for row, text in enumerate(right)]
    Recorder(path, Dataset.from_frame(frame, label="caption", id="id", task="texts")).close()
    return path


def token_run(path: Path, n: int = 120) -> Path:
    """Hebrew sentences with a class for each word; every tenth has a wrong one."""
    import pandas as pd

    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder

    rng = np.random.default_rng(3)
    words, classes = [], []
    for row in range(n):
        name, place = str(rng.choice(["דנה", "יוסף", "נועה"])), str(rng.choice(["חיפה", "עכו"]))
        words.append([name, "ראתה", "את", place, "ואת", name])
        classes.append(["NOUN", "VERB", "PART", "NOUN", "PART", "NOUN"])
        if row % 10 == 7:
            wrong = row // 10 % 6
            classes[-1][wrong] = ["VERB", "PART", "NOUN", "PART", "VERB", "VERB"][wrong]
    frame = pd.DataFrame({"id": [f"t{row}" for row in range(n)], "tokens": words, "classes": classes})
    Recorder(path, Dataset.from_frame(frame, label="classes", id="id", task="tokens")).close()
    return path


def node_run(path: Path, k: int = 4, size: int = 40) -> Path:
    """Papers of four fields that cite each other, some with a wrong field; a few have no citations."""
    import pandas as pd

    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder

    rng = np.random.default_rng(6)
    fields = np.array(["biology", "chemistry", "history", "physics"])
    true = np.repeat(np.arange(k), size)
    n = len(true)
    chance = np.where(true[:, None] == true, 0.2, 0.01)
    ends = np.argwhere(np.triu(rng.random((n, n)) < chance, 1))
    ends = ends[(ends >= 3).all(axis=1)]
    given = np.where(np.arange(n) % 13 == 5, (true + 1) % k, true)
    frame = pd.DataFrame({"paper": [f"p{row}" for row in range(n)], "field": fields[given]})
    edges = pd.DataFrame(
        {"source": frame["paper"].to_numpy()[ends[:, 0]], "target": frame["paper"].to_numpy()[ends[:, 1]]}
    )
    Recorder(path, Dataset.from_frame(frame, label="field", id="paper", edges=edges)).close()
    return path


def pairs_run(path: Path, n: int = 60, per: int = 8) -> Path:
    """Queries with eight passages, of which two are relevant; some of these are graded irrelevant, some not at all."""
    import pandas as pd

    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder

    rng = np.random.default_rng(9)
    topics = ["rivers", "bridges", "castles", "bakeries", "orchards", "harbours", "markets", "trams"]
    rows = []
    for query in range(n):
        topic, town = str(rng.choice(topics)), f"town{query}"
        for item in range(per):
            about = (
                f"{topic} of {town}" if item < 2 else f"{rng.choice(topics)} of {rng.choice(['town1', 'town2', town])}"
            )
            grade = None if item == 5 else 2 if item < 2 else 0
            grade = 0 if item == 1 and query % 6 == 3 else grade
            words = " ".join(f"w{one}" for one in rng.choice(90, 12))
            rows.append((f"q{query}", f"d{query}-{item}", grade, f"{topic} in {town}", f"The {about} <b>{words}</b>"))
    frame = pd.DataFrame(rows, columns=["query", "item", "grade", "text", "passage"])
    Recorder(path, Dataset.from_frame(frame, "grade", task="pairs")).close()
    return path


def preference_run(path: Path, n: int = 120) -> Path:
    """Pairs of similar answers with scores; every tenth is inverted. Some answers are Hebrew, long, or markup."""
    import pandas as pd

    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder

    rng = np.random.default_rng(5)
    wrong = np.arange(n) % 10 == 6
    places = [str(one) for one in rng.choice(["north", "south", "east", "west"], n)]
    good = [
        f"Take the {place} road for {row} kilometres, then turn left at the mill." for row, place in enumerate(places)
    ]
    bad = [
        f"Take the {place} road, then turn right at the mill <b>{row}</b>.{' Go.' * (row % 7)}"
        for row, place in enumerate(places)
    ]
    good[16], bad[16] = "פנו שמאלה ליד הטחנה", "פנו ימינה ליד הטחנה"
    good[25] = " ".join(f"word{place}" for place in range(2000))
    gap = np.where(wrong, -2 - rng.gamma(2, 1.5, n), rng.gamma(2, 1.5, n))
    frame = pd.DataFrame(
        {"id": [f"p{row}" for row in range(n)], "prompt": [f"How do I get to {row}?" for row in range(n)]}
    )
    frame["chosen"] = np.where(wrong, bad, good)
    frame["rejected"] = np.where(wrong, good, bad)
    frame["chosen_score"], frame["rejected_score"] = 5 + gap / 2, 5 - gap / 2
    Recorder(path, Dataset.from_frame(frame, id="id", task="preferences")).close()
    return path


@cache
def _digits():
    """scikit-learn's digits, read once."""
    from sklearn.datasets import load_digits

    return load_digits()


def canvases(n: int = 60, size: tuple[int, int] = (128, 96), seed: int = 8):
    """Return images (n, h, w) in [0, 1] of three to six of scikit-learn's digits, doubled, and their boxes: n lists of
    (x0, y0, x1, y1, class)."""
    rng = np.random.default_rng(seed)
    digits = _digits()
    width, height = size
    images, boxes = np.zeros((n, height, width)), []
    for row in range(n):
        places = rng.permutation([(x, y) for x in range(0, width - 23, 24) for y in range(0, height - 23, 24)])
        own = []
        for x, y in places[: rng.integers(3, 7)] + rng.integers(0, 8, 2):
            digit = int(rng.integers(len(digits.images)))
            pixels = digits.images[digit].repeat(2, 0).repeat(2, 1) / 16
            images[row, y : y + 16, x : x + 16] = pixels
            xs, ys = np.flatnonzero(pixels.any(0)), np.flatnonzero(pixels.any(1))
            label = str(digits.target[digit])
            own.append((float(x + xs[0]), float(y + ys[0]), float(x + xs[-1] + 1), float(y + ys[-1] + 1), label))
        boxes.append(own)
    return images, boxes


def with_wrong_boxes(boxes: list) -> list:
    """Return boxes of which every tenth example lacks one, has one too many, one of another class, or a shifted one."""
    given = [list(own) for own in boxes]
    for row, own in enumerate(given):
        x0, y0, x1, y1, label = own[0]
        if row % 10 == 1:
            del own[0]
        elif row % 10 == 3:
            own[0] = (x0, y0, x1, y1, str((int(label) + 3) % 10))
        elif row % 10 == 5:
            own.append((114.0, 2.0, 126.0, 16.0, label))
        elif row % 10 == 7:
            own[0] = (x0 + 7, y0 + 6, x1 + 7, y1 + 6, label)
    return given


def outlined(box: tuple | None) -> dict | None:
    """A box as the value of an instance, whose mask lacks the lower right quarter of the box."""
    from workbench.tasks.run_lengths import encode_runs, to_text

    if box is None:
        return None
    x0, y0, x1, y1 = (int(side) for side in box[:4])
    mask = np.ones((y1 - y0, x1 - x0), bool)
    mask[(y1 - y0) // 2 :, (x1 - x0) // 2 :] = False
    return {"box": [x0, y0, x1, y1], "label": box[4], "mask": to_text(encode_runs(mask))}


def box_run(path: Path, n: int = 60, task: str = "boxes") -> Path:
    """Digits on canvases with boxes or instances, some of them wrong, and an embedding."""
    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder
    from workbench.runs.run import open_run

    images, boxes = canvases(n)
    names = [str(digit) for digit in range(10)]
    ids = [f"canvas-{row}" for row in range(n)]
    labels = with_wrong_boxes(boxes)
    labels = labels if task == "boxes" else [[outlined(box) for box in own] for own in labels]
    dataset = Dataset.from_arrays(labels, task=task, classes=names, images=images, ids=ids)
    Recorder(path, dataset).close()
    open_run(path).save_embeddings(images.reshape(n, -1)[:, ::16].astype(np.float32), trained_on_labels=False)
    return path


ISSUE_COLUMNS = (
    *("id", "unit", "given_label", "suggested_label", "p_error", "p_suggested", "is_issue", "kind", "reasons", "row"),
    *("given_value", "suggested_value"),
)


def issue_table(lines: list):
    """A table of units like that of `find_issues`, the most doubtful first."""
    import pandas as pd

    frame = pd.DataFrame(lines, columns=ISSUE_COLUMNS).set_index(["id", "unit"])
    return frame.sort_values("p_error", ascending=False)


def box_issues(path: Path, n: int = 60):
    """The wrong boxes of `box_run` as a table of units, as if a detector had found them: right places, made numbers."""
    from workbench.runs.run import open_run

    run = open_run(path)
    true, rng, lines = canvases(n)[1], np.random.default_rng(0), []
    names = {1: "overlooked", 3: "class", 5: "spurious", 7: "place"}

    def value(box: tuple | None) -> str:
        plain = None if box is None else {"box": list(box[:4]), "label": box[4]}
        return run.dataset.kind.encode(plain if run.task == "boxes" else outlined(box))

    for row, own in enumerate(with_wrong_boxes(true)):
        kind = names.get(row % 10)
        wrong = {
            "class": "g0",
            "place": "g0",
            "spurious": f"g{len(own) - 1}",
            "overlooked": "c0123456789abcdef",
            None: "",
        }[kind]
        units = {f"g{place}": box for place, box in enumerate(own)} | ({wrong: None} if kind == "overlooked" else {})
        for key, box in units.items():
            bad = key == wrong
            other = box if not bad else None if kind == "spurious" else true[row][0]
            p = 0.8 + 0.19 * rng.random() if bad else 0.05 * rng.random()
            labels = [None if one is None else one[4] for one in (box, other)]
            reasons = f"{kind}: the model differs" if bad else ""
            values = [None if box is None else value(box), value(other)]
            found = (p, p if bad else 1 - p, bad, kind if bad else None, reasons, row)
            lines.append((run.dataset.ids[row], key, *labels, *found, *values))
    return issue_table(lines)


MASK_CLASSES = (
    "background", "disc", "square or other block with four corners and four sides",
    *(f"surface of another kind, number {number}" for number in range(3, 15)),
)  # fmt: skip


def drawn_masks(n: int = 30, size: tuple[int, int] = (96, 72)):
    """Return true masks (n, h, w) uint8 of a disc and a square on a background, and pictures (n, h, w, 3) of them."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[: size[1], : size[0]]
    masks = np.zeros((n, size[1], size[0]), np.uint8)
    for mask in masks:
        (ax, ay), (bx, by) = rng.integers(14, 34, 2), rng.integers(4, 20, 2)
        mask[(x - ax) ** 2 + (y - ay) ** 2 <= 144] = 1
        mask[by + 20 : by + 42, bx + 46 : bx + 70] = 2
    colors = np.array([[60, 70, 90], [190, 120, 90], [110, 170, 120]], float)
    pictures = (colors[masks] + rng.normal(0, 12, (*masks.shape, 3))).clip(0, 255).astype(np.uint8)
    return masks, pictures


def with_wrong_masks(true: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
    """Return masks of which some lack the disc, have half a square, or a square of the other class; and their kinds."""
    given, kinds = true.copy(), {row: ("missing", "part", "class")[row % 3] for row in range(1, len(true), 4)}
    for row, kind in kinds.items():
        mask = given[row]
        columns = np.flatnonzero((mask == 2).any(0))
        if kind == "missing":
            mask[mask == 1] = 0
        elif kind == "part":
            mask[:, columns[: len(columns) // 2]] = 0
        else:
            mask[mask == 2] = 1
    return given, kinds


def mask_run(path: Path, n: int = 30) -> Path:
    """Masks of discs and squares, some of them wrong."""
    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder

    true, pictures = drawn_masks(n)
    ids = [f"scene-{row}" for row in range(n)]
    masks = with_wrong_masks(true)[0]
    Recorder(path, Dataset.from_arrays(masks, task="masks", classes=MASK_CLASSES, images=pictures, ids=ids)).close()
    return path


def mask_issues(path: Path, n: int = 30):
    """The wrong regions of `mask_run` as a table of units: right regions, made numbers."""
    from workbench.runs.run import open_run
    from workbench.tasks.run_lengths import encode_runs, to_text

    run, lines = open_run(path), []
    true, rng = drawn_masks(n)[0], np.random.default_rng(0)
    given, kinds = with_wrong_masks(true)
    for row, kind in kinds.items():
        wrong = given[row] != true[row]
        ys, xs = np.flatnonzero(wrong.any(1)), np.flatnonzero(wrong.any(0))
        part = wrong[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
        region = [int(ys[0]), int(xs[0]), *part.shape, to_text(encode_runs(part))]
        labels = [MASK_CLASSES[masks[row][wrong][0]] for masks in (given, true)]
        values = [run.dataset.kind.encode({"label": label, "region": region}) for label in labels]
        p = 0.8 + 0.19 * rng.random()
        lines.append(
            (run.dataset.ids[row], f"c{row:016x}", *labels, p, p, True, kind, "the model differs", row, *values)
        )
    return issue_table(lines)
