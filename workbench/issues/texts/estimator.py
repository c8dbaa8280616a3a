"""The estimator of texts for `find_issues`: which texts are wrong, and which alternative is better."""

from __future__ import annotations

import numpy as np

from workbench.issues.counts import around_expected
from workbench.issues.kinds.contract import Asked, Found
from workbench.issues.texts.evidence import read_evidence
from workbench.issues.texts.judged_texts import judge_texts
from workbench.issues.texts.words import TextWords
from workbench.tasks.texts import text_rows

TEXTS_RANGE = (0.6, 1.6)
"""Range of the true number of wrong texts relative to the expected one, on planted swaps of 5 to 25 %."""


class TextsEstimator:
    """Judges labels of the task "texts" by match scores, embeddings, objects and alternatives."""

    version = 1

    def judge(self, asked: Asked) -> Found:
        """Estimate the probability that each text is wrong; see `workbench.issues.texts.judged_texts.judge_texts`."""
        dataset = asked.dataset
        names, n, t = dataset.classes, dataset.n, len(dataset.classes)
        rows = text_rows(dataset.labels, t)
        evidence = read_evidence(asked, [[one[place] for one in rows] for place in range(t)])
        judged = [judge_texts(one, asked.seed) for one in evidence]

        def of_units(name: str) -> np.ndarray:
            return np.stack([getattr(one, name) for one in judged], axis=1).ravel()

        p_error = of_units("p_error")
        why = "; ".join(dict.fromkeys(one.why for one in judged if one.why))
        low, high = around_expected(p_error, TEXTS_RANGE)
        if why:
            known, expected = float((~np.isnan(p_error)).sum()), float(np.nansum(p_error))
            low, high = 0.0, min(max(high, 4 * expected, known / 3), known)
        given = np.array([text for one in rows for text in one] + [None], object)[:-1]
        kind = of_units("kind")
        columns: dict[str, np.ndarray] = {} if t == 1 else {"field": np.tile(np.array(names, object), n)}
        return Found(
            dataset.units, p_error, given, of_units("other"), of_units("p_other"), (low, high),
            TextWords(judged, evidence), kind=kind, columns=columns, last={"match": of_units("match")},
            pair=np.unique(kind.astype(str), return_inverse=True)[1].reshape(-1), identified=not why, why=why,
            evidence=", ".join(asked.evidence), method="; ".join(dict.fromkeys(one.method for one in judged)),
        )  # fmt: skip
