"""Wrongly labelled demonstrations: cross-validated votes, blame from logs, and repaired sets.

Kang et al. 2024, In-Context Learning with Noisy Labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.demonstrations.blaming import blame_scores
from workbench.demonstrations.prompt_logs import read_log
from workbench.evidence.spaces import text_vectors
from workbench.foundation.checks import check_share, check_whole
from workbench.foundation.errors import InputError
from workbench.foundation.rows import unit_rows

VOTE_TEMPERATURE = 0.1
"""Cosines are divided by it in the vote of neighbours."""

BLAME_WEIGHT = 0.25
"""Weight of the blame beside the doubt, in normal scores."""

JOINT_ROUNDS = 5
"""Rounds in which votes are counted again with rectified labels."""

PRIOR_VOTES = 1.0
"""Number of votes, spread over the labels by their frequency, that are added to those of each demonstration."""

LABEL_REPAIRS = ("drop", "correct", "rectify")


def demonstration_issues(
    labels: Any, log: Any = None, *, embeddings: Any = None, texts: Any = None, neighbors: int = 10,
    resamples: int = 200, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Rank demonstrations by how likely their label is wrong, from votes of the others and blame in a log.

    Parameters
    ----------
    labels : Series of labels indexed by demonstration id, or a sequence, whose ids are 0, 1, ...
    log : as in `read_log`, optional. Answers to queries that are demonstrations themselves (their id is among
        `labels`, and is not in the prompt) are votes of a model that has not seen their label. All answers give blame.
    embeddings : float (n, d), optional
        The nearest other demonstrations vote.
    texts : n str, optional
        The same, by character n-grams.
    neighbors : number of nearest demonstrations that vote. resamples, seed : as in `blame_scores`.

    Returns
    -------
    DataFrame indexed by demonstration, most doubtful first
        given_label, suggested_label (the most probable label by votes and given label), doubt (float64 in [0, 1], 1
        minus the share of the votes for the given label), votes (number), blame (from the log, NaN without one), score
        (the order: normal score of the doubt plus 0.25 of that of the blame), is_issue (another label is suggested),
        p_error and p_suggested (NaN: not calibrated), reasons, row, rectified_label and p_rectified (from votes that
        are counted with rectified labels), and for each label c the share of its votes, "vote c".

    Raises
    ------
    InputError : no evidence, arrays of other lengths, or fewer than three demonstrations.

    Notes
    -----
    Share of label c = (votes for c + f_c) / (votes + 1), where f_c is the frequency of the label. The votes of
    neighbours are weighted by exp(cosine / 0.1) and sum to `neighbors`; an answer of the log is one vote. The label of
    a demonstration is never part of its own vote; errors that its neighbours share are not found. P(c) is proportional
    to share(c) (1 - e) if c is given, else share(c) e / (k - 1), where e is the mean doubt, at most 1 - 1 / k.
    Rectified labels are the most probable ones after five rounds in which P of the neighbours votes instead of labels.

    References
    ----------
    Kang et al. 2024, In-Context Learning with Noisy Labels. Nguyen and Wong 2023, In-context Example Selection with
    Influences.

    Examples
    --------
    >>> found = demonstration_issues(["a", "a", "b", "b", "a"], embeddings=[[1, 0], [1, 0.1], [0, 1], [0, 1], [0, 1]],
    ...                              neighbors=2)
    >>> found.index[0], found["suggested_label"].iloc[0]
    (4, 'b')
    """
    check_whole("neighbors", neighbors, 1)
    given = labels if isinstance(labels, pd.Series) else pd.Series(list(labels))
    if len(given) < 3 or given.isna().any() or not given.index.is_unique:
        todo = "Give at least three labels, none missing, with distinct ids."
        raise InputError.at("labels", f"has {len(given)} entries, {int(given.isna().sum())} missing", todo)
    names = sorted(given.unique(), key=str)
    codes = pd.Index(names).get_indexer(pd.Index(given))
    answers = np.zeros((len(given), len(names)))
    blame = np.full(len(given), np.nan)
    if log is None and embeddings is None and texts is None:
        raise InputError.at("log", "is not given", "Pass a log, embeddings or texts.")
    if log is not None:
        found = read_log(log)
        answers = _answers(found.table, found.demonstrations, given.index, names)
        if len({frozenset(own) for own in found.demonstrations}) > 1:
            blame = blame_scores(found, resamples=resamples, seed=seed)["blame"].reindex(given.index).to_numpy(float)
    near = np.zeros((len(given), len(given)))
    if embeddings is not None or texts is not None:
        x = np.asarray(text_vectors(list(texts), seed=seed) if embeddings is None else embeddings, float)
        if x.ndim != 2 or len(x) != len(given) or not np.isfinite(x).all():
            raise InputError.at("embeddings", f"has shape {x.shape}", f"Pass finite numbers, {len(given)} rows.")
        near = _neighbors(x, min(neighbors, len(given) - 1))
    whole = np.eye(len(names))[codes]
    frequency, at = whole.mean(axis=0), np.arange(len(codes))
    votes = answers + near @ whole
    shares = _shares(votes, frequency)
    doubt = 1 - shares[at, codes]
    chance = soft = _posterior(shares, codes, doubt)
    for _ in range(JOINT_ROUNDS):
        soft = _posterior(_shares(answers + near @ soft, frequency), codes, doubt)
    best, joint = chance.argmax(axis=1), soft.argmax(axis=1)
    score = _normal(doubt) + BLAME_WEIGHT * np.nan_to_num(_normal(blame))
    label = np.array(names, object)
    frame = pd.DataFrame(
        {
            "given_label": given.to_numpy(object), "suggested_label": label[best], "doubt": doubt,
            "votes": votes.sum(axis=1), "blame": blame, "score": score,
            "is_issue": (best != codes) & (votes.sum(axis=1) > 0), "p_error": np.nan, "p_suggested": np.nan,
            "reasons": _reasons(names, codes, shares, votes, blame), "row": at, "rectified_label": label[joint],
            "p_rectified": soft[at, joint],
            **{f"vote {name}": shares[:, code] for code, name in enumerate(names)},
        },
        index=given.index.rename("demonstration"),
    )  # fmt: skip
    return frame.sort_values("score", ascending=False, kind="stable")


def _answers(table: pd.DataFrame, shown: list[tuple[Any, ...]], ids: pd.Index, names: list[Any]) -> np.ndarray:
    """Return the answers of a log about demonstrations that are not in the prompt, counted by label, (n, k)."""
    rows, answer = ids.get_indexer(pd.Index(table["query"])), pd.Index(names).get_indexer(pd.Index(table["prediction"]))
    unseen = np.array([query not in own for query, own in zip(table["query"], shown)], bool)
    kept = (rows >= 0) & (answer >= 0) & unseen
    votes = np.zeros((len(ids), len(names)))
    np.add.at(votes, (rows[kept], answer[kept]), 1)
    return votes


def _neighbors(x: np.ndarray, many: int) -> np.ndarray:
    """Return the weights (n, n) of the nearest other rows, which sum to `many`."""
    cosines = unit_rows(x) @ unit_rows(x).T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :many]
    near = np.take_along_axis(cosines, nearest, axis=1) / VOTE_TEMPERATURE
    weight = np.exp(near - near.max(axis=1, keepdims=True))
    table = np.zeros(cosines.shape)
    np.put_along_axis(table, nearest, weight * many / weight.sum(axis=1, keepdims=True), axis=1)
    return table


def _shares(votes: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    return (votes + PRIOR_VOTES * frequency) / (votes.sum(axis=1, keepdims=True) + PRIOR_VOTES)


def _posterior(shares: np.ndarray, codes: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    """Return the probability of each label by votes and given label, (n, k)."""
    k, at = shares.shape[1], np.arange(len(codes))
    error = min(float(doubt.mean()), 1 - 1 / k)
    chance = shares * (error / max(k - 1, 1))
    chance[at, codes] = shares[at, codes] * (1 - error)
    return chance / chance.sum(axis=1, keepdims=True)


def _normal(values: np.ndarray) -> np.ndarray:
    """Return the normal scores of ranks, ties averaged; NaN stays."""
    from scipy.stats import norm, rankdata

    known = ~np.isnan(values)
    found = np.full(len(values), np.nan)
    if known.any():
        found[known] = norm.ppf((rankdata(values[known]) - 0.5) / known.sum())
    return found


def _reasons(
    names: list[Any], codes: np.ndarray, shares: np.ndarray, votes: np.ndarray, blame: np.ndarray
) -> list[str]:
    found = []
    for row, own in enumerate(codes.tolist()):
        parts = []
        best = int(shares[row].argmax())
        if best != own and votes[row].sum() > 0:
            parts.append(f"{votes[row, best]:.1f} of {votes[row].sum():.1f} votes are for {names[best]}")
        if blame[row] > 0:
            parts.append(f"answers are worse with it, by {blame[row]:.2f}")
        found.append("; ".join(parts))
    return found


def repair_labels(issues: pd.DataFrame, how: str, *, share: float | None = None) -> pd.DataFrame:
    """Repair a set of demonstrations.

    Parameters
    ----------
    issues : result of `demonstration_issues`.
    how : {"drop", "correct", "rectify"}
        "drop" leaves out the issues, "correct" gives them the suggested label. "rectify" gives each demonstration its
        rectified label, for which the others vote with theirs.
    share : in [0, 1], for "drop" and "correct": this share of the demonstrations, by decreasing score, instead of the
        issues.

    Returns
    -------
    DataFrame indexed by demonstration, in the order of the data
        given_label, label (None if dropped), kept (bool), changed (bool), weight (float64 in [0, 1]: with "rectify" the
        probability of the label, else 1).

    Raises
    ------
    InputError : an unknown way, or a table of another kind.

    Notes
    -----
    A language model that rewrites the labels, as in the paper, is not called.

    References
    ----------
    Kang et al. 2024, In-Context Learning with Noisy Labels, section 3.
    """
    if how not in LABEL_REPAIRS:
        raise InputError.unknown("way", how, LABEL_REPAIRS)
    lost = [
        name
        for name in ("given_label", "suggested_label", "score", "is_issue", "row", "rectified_label")
        if name not in issues
    ]
    if lost:
        raise InputError.at("issues", f"has no column {lost[0]!r}", "Pass the result of `demonstration_issues`.")
    given = issues["given_label"].to_numpy(object)
    label, kept, weight = given.copy(), np.ones(len(issues), bool), np.ones(len(issues))
    wrong = issues["is_issue"].to_numpy(bool)
    if share is not None:
        check_share("share", share)
        order = np.argsort(-issues["score"].to_numpy(float), kind="stable")
        wrong = np.isin(np.arange(len(issues)), order[: round(share * len(issues))])
    if how == "drop":
        kept = ~wrong
        label[wrong] = None
    elif how == "correct":
        label[wrong] = issues["suggested_label"].to_numpy(object)[wrong]
    else:
        label, weight = issues["rectified_label"].to_numpy(object), issues["p_rectified"].to_numpy(float)
    changed = kept & np.array([one != two for one, two in zip(label, given)], bool)
    columns = {"given_label": given, "label": pd.Series(label, issues.index, dtype=object), "kept": kept}
    columns |= {"changed": changed, "weight": weight}
    return pd.DataFrame(columns, index=issues.index).iloc[np.argsort(issues["row"].to_numpy())]
