"""Audits: estimate the number of label errors, in total and remaining, from a small random review.

The detector's own count depends on its calibration; an audit does not. Units (the examples themselves if they have one
class each, else tags or numbers) are drawn at random within strata of p_error, a reviewer judges them in the order of
the audit, and the verdicts give the number of errors in the whole set (`workbench.issues.estimating`). Stratification
puts the effort where the answer is uncertain, so the interval is narrower than that of a simple random sample of the
same size. Some units are reviewed twice to estimate the reviewers' error rate.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, RunError
from workbench.issues.estimating import FEW_LOOKS, Estimate, estimate_errors, open_rates
from workbench.runs.verdicts import known_looks, unit_looks, wrong_by
from workbench.storage.checksums import sealed
from workbench.storage.files import is_there
from workbench.storage.layout import Layout
from workbench.storage.parquet import read_parquet
from workbench.tasks.keys import check_key

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.runs.run import Run

STRATA = 10
PLAN = {"id": "", "p_error": "f", "stratum": "i", "turn": "i", "drawn": "b"}  # columns and kinds of their dtypes
OF_EXAMPLES = {"expected": "f", "units": "i"}  # further columns of a plan that draws examples with all their units
LEAST_DRAWN = 5  # minimum number of examples per stratum, as long as that takes at most half of the budget
RATE_FLOOR = 0.02  # minimum error rate assumed per stratum when examples are allocated
AGAIN_SURPRISING, AGAIN_OTHERS = 0.9, 0.1
"""Probability of a second look if the verdict contradicts the detector's expectation, and otherwise."""

DECIDED = ("relabel", "keep")
LOOKS_APART = 20  # minimum number of verdicts between two looks at an example, until the audit is done


class Known(TypedDict):
    """Arguments of `estimate_errors` for the rows of a plan."""

    p: np.ndarray
    stratum: np.ndarray
    drawn: np.ndarray
    judged: np.ndarray
    wrong: np.ndarray
    looks: np.ndarray
    wrong_looks: np.ndarray
    later: np.ndarray


class Audit:
    """A random sample for review, and the estimate from the verdicts given so far. Created by `audit`.

    Attributes
    ----------
    ids : ids to review, in random order; every initial part of them is itself a random sample. If an example has
        several units, an id can occur several times.
    units : (m,) object, the key of the unit to review for each of `ids`; "" if an example is its own unit.
    plan : DataFrame, one row per unit with a p_error, in dataset order: id, p_error, stratum, turn (position in the
        random order of its stratum), drawn, place (position in `ids`; -1 = not drawn), again (random number that
        decides about a second look), reviewer_error (as given, NaN = to be estimated); unit (its key), if labels are
        not one class per example.
    """

    def __init__(self, run: Run, plan: pd.DataFrame) -> None:
        self._run = run
        self.plan = plan
        drawn = np.flatnonzero(plan["drawn"])
        self._order = drawn[np.argsort(plan["place"].to_numpy()[drawn])]
        self.ids = plan["id"].to_numpy()[self._order]
        self.units = np.full(len(plan), "", object)[self._order]
        if "unit" in plan:
            self.units = plan["unit"].to_numpy(object)[self._order]

    @property
    def budget(self) -> int:
        """Number of units (examples, where each is its own) in the sample."""
        return len(self.ids)

    @property
    def several(self) -> bool:
        """Whether an example can have several units."""
        return self._run.dataset.units.keys is not None

    @property
    def reviewer_error(self) -> float | None:
        """The reviewer's error rate that was given; None if it is estimated."""
        known = float(self.plan["reviewer_error"].iloc[0])
        return None if np.isnan(known) else known

    def estimate(self, author: str | None = None, *, reviewer_error: float | None = None) -> Estimate:
        """Estimate the number of errors from the verdicts in the journal (see `estimate_errors`).

        Parameters
        ----------
        author : use only this author's verdicts.
        reviewer_error : share of looks that are wrong, in [0, .5); by default the value passed to `audit`, or an
            estimate from second looks.

        Notes
        -----
        The estimate uses verdicts that a person gave by looking (`workbench.runs.verdicts`) on the longest initial part
        of `ids` in which every example has a verdict or was skipped. Whether such an example has a verdict does not
        depend on its label or its p_error, so the strata are random samples. Other verdicts only add errors found.
        """
        if reviewer_error is None:
            reviewer_error = self.reviewer_error
        check_error(reviewer_error)
        known = self._known(author)
        found = estimate_errors(**known, decided=self._decided(author), reviewer_error=reviewer_error)
        waiting = int((self.plan["drawn"].to_numpy() & known["judged"] & ~known["drawn"]).sum())
        found = replace(found, budget=self.budget, waiting=waiting, population=len(self.plan))
        if not self.several:
            return found
        sizes = np.sort(self.plan.groupby("id", sort=False).size().to_numpy())[::-1]
        fewest = int(np.searchsorted(np.cumsum(sizes), found.low)) + 1 if found.low else 0
        most = min(found.high, len(sizes))
        one_unit = self._run.dataset.kind.one_unit
        return replace(found, counted="units", unit=one_unit, examples_low=min(fewest, most), examples_high=most)

    def _known(self, author: str | None) -> Known:
        """Return the arguments of `estimate_errors` for the rows of the plan."""
        table = self._looks(author)
        column = {name: self.plan[name].to_numpy() for name in ("p_error", "stratum", "drawn", "place")}
        looks, wrong_looks, wrong, begun = (table[name].to_numpy() for name in ("looks", "wrong", "first", "seq"))
        judged = looks > 0
        sample = column["drawn"] & (column["place"] < self._passed(judged | table["skipped"].to_numpy()))
        counted = sample & judged
        start = begun[counted].min() if counted.any() else 0
        return {
            "p": column["p_error"], "stratum": column["stratum"], "drawn": sample, "judged": judged, "wrong": wrong > 0,
            "looks": looks, "wrong_looks": wrong_looks, "later": judged & ~sample & (begun > start),
        }  # fmt: skip

    def open_rates(self, author: str | None = None) -> tuple[pd.DataFrame, list[np.ndarray]]:
        """Return verdicts and draws of the error rates of the strata.

        Returns
        -------
        (DataFrame by id, or by id and unit, list)
            stratum : int. judged, wrong : bool, has a verdict, and it says "wrong". The list holds one or two arrays
            (`estimating.DRAWS`, strata) with posterior draws of the error rate of unjudged examples; two as long as
            there are few second looks.
        """
        known, error = self._known(author), self.reviewer_error
        few = error is None and int((known["drawn"] & (known["looks"] > 1)).sum()) < FEW_LOOKS
        draws = [open_rates(**known, reviewer_error=rate) for rate in ([None, 0.0] if few else [error])]
        columns = {name: known[name] for name in ("stratum", "judged", "wrong")}
        return pd.DataFrame(columns, index=self._index(np.arange(len(self.plan)))), draws

    def counted(self, author: str | None = None) -> pd.DataFrame:
        """Return the counted verdicts by id, or by id and unit.

        p_error : when the sample was drawn. wrong : bool, of the first look.
        """
        table = self._looks(author)
        judged = table["looks"].to_numpy() > 0
        passed = self._passed(judged | table["skipped"].to_numpy())
        here = np.flatnonzero(judged & self.plan["drawn"].to_numpy() & (self.plan["place"].to_numpy() < passed))
        columns = {"p_error": self.plan["p_error"].to_numpy()[here], "wrong": table["first"].to_numpy()[here] > 0}
        return pd.DataFrame(columns, index=self._index(here))

    def second_looks(self, author: str | None = None) -> list[Any]:
        """Return what is due for a second look: ids, or (id, unit) pairs if labels are not one class per example.

        Show them without the first verdict; decide with source="second look". Most verdicts that contradict the
        detector are checked, and a tenth of the others. Units come back after at least `LOOKS_APART` verdicts, or when
        the sample is done. Any author may give the second verdict.
        """
        table = self._looks(author)
        once = (table["looks"].to_numpy() == 1) & self.plan["drawn"].to_numpy()
        expected = self.plan.groupby("stratum")["p_error"].transform("mean").to_numpy() > 0.5
        surprising = (table["first"].to_numpy() > 0) != expected
        due = once & (self.plan["again"].to_numpy() < np.where(surprising, AGAIN_SURPRISING, AGAIN_OTHERS))
        seqs = np.sort(table["seq"].to_numpy()[table["looks"].to_numpy() > 0])
        done = self._passed((table["looks"].to_numpy() > 0) | table["skipped"].to_numpy()) == self.budget
        if not done and len(seqs):
            due &= table["seq"].to_numpy() <= (seqs[-LOOKS_APART] if len(seqs) >= LOOKS_APART else -1)
        rows = np.flatnonzero(due)
        mixed = self.plan["again"].to_numpy()[rows] % 0.001  # from digits that were not used above
        return self._index(rows[np.argsort(mixed)]).tolist()

    def judged_by_looking(self, author: str | None = None) -> np.ndarray:
        """Return which of `ids` have a verdict that a person gave by looking, or were skipped, (m,) bool."""
        table = self._looks(author)
        return ((table["looks"] > 0) | table["skipped"]).to_numpy(bool)[self._order]

    def _decided(self, author: str | None) -> np.ndarray:
        """Return which rows of the plan have a decision from any source, (m,) bool."""
        per = "unit" if "unit" in self.plan else "example"
        verdicts = self._run.journal.state(author=author, per=per)["verdict"]
        table = verdicts[verdicts.isin(DECIDED)].reset_index()
        decided = np.zeros(len(self.plan), bool)
        decided[self._placed(table)["at"].to_numpy()] = True
        return decided

    def _passed(self, done: np.ndarray) -> int:
        """Return the length of the longest initial part of the audit's order in which every example is done."""
        place, drawn = self.plan["place"].to_numpy(), self.plan["drawn"].to_numpy()
        open_places = place[drawn & ~done]
        return int(open_places.min()) if len(open_places) else self.budget

    def _looks(self, author: str | None) -> pd.DataFrame:
        """Return, per row of the plan: looks, wrong (number of "wrong" looks), first (0 or 1), its seq, skipped."""
        if "unit" in self.plan:
            table = unit_looks(self._run, author)
        else:
            table = known_looks(self._run, author)
            table = table.assign(wrong=wrong_by(self._run, table).array)
        return self._counted_looks(table)

    def _counted_looks(self, table: pd.DataFrame) -> pd.DataFrame:
        """Count looks, with columns id, author, seq, second_look and wrong, per row of the plan."""
        table = self._placed(table)
        last = table.drop_duplicates("at", keep="last")
        skipped = np.zeros(len(self.plan), bool)
        skipped[last["at"].to_numpy()] = last["wrong"].isna().to_numpy()  # skipped, or neither right nor wrong
        # an author's change of mind replaces the verdict; a second look and another author's verdict are further looks
        table = table.drop_duplicates(["at", "author", "second_look"], keep="last")
        table = table[table["wrong"].notna()].sort_values(["second_look", "seq"])
        grouped = table.astype({"wrong": int}).groupby("at", sort=False)
        wrong = grouped["wrong"]
        out = pd.DataFrame(
            {"looks": wrong.size(), "wrong": wrong.sum(), "first": wrong.first(), "seq": grouped["seq"].first()}
        )
        out = out.reindex(np.arange(len(self.plan))).fillna(0).astype(np.int64)
        return out.assign(skipped=skipped & (out["looks"] == 0))

    def _placed(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a table of ids and units that are about units of the plan, with `at`, the row of the plan.

        An example that was skipped as a whole counts as skipped in each of its drawn units.
        """
        about = np.flatnonzero(self.plan["id"].isin(set(table["id"])))
        ids = self.plan["id"].to_numpy()[about].tolist()
        units = self.plan["unit"].to_numpy()[about].tolist() if "unit" in self.plan else [""] * len(ids)
        known = {(id, unit): [at] for id, unit, at in zip(ids, units, about.tolist(), strict=True)}
        if self.several:
            for id, at, drawn in zip(ids, about.tolist(), self.plan["drawn"].to_numpy()[about], strict=True):
                if drawn:
                    known.setdefault((id, ""), []).append(at)
        named = table["unit"] if "unit" in table else [""] * len(table)
        places = [known.get(target, []) for target in zip(table["id"], named, strict=True)]
        found = table.iloc[np.repeat(np.arange(len(table)), [len(one) for one in places])]
        return found.assign(at=np.array([at for one in places for at in one], np.int64))

    def _index(self, rows: np.ndarray) -> pd.Index:
        """Return the names of rows of the plan: ids, or (id, unit)."""
        ids = pd.Index(self.plan["id"].to_numpy()[rows], name="id")
        if "unit" not in self.plan:
            return ids
        return pd.MultiIndex.from_arrays([ids, self.plan["unit"].to_numpy(object)[rows]], names=["id", "unit"])

    def __repr__(self) -> str:
        return f"<Audit of {self._run.name}: {self.estimate()}>"


def begun(run: Run) -> Audit | None:
    """Return the audit of a run, or None if no sample was drawn; nothing is drawn or stored."""
    plan = stored_plan(run, 0)
    return None if plan is None else Audit(run, plan)


def check_error(reviewer_error: float | None) -> None:
    """Refuse a share of wrong verdicts outside [0, .5)."""
    if reviewer_error is not None and not 0 <= reviewer_error < 0.5:
        todo = "Pass the share of verdicts that are wrong, such as .03, or None to estimate it."
        raise InputError.at("reviewer_error", f"is {reviewer_error!r}", todo)


def stored_plan(run: Run, seed: int, per: str = "unit") -> pd.DataFrame | None:
    """Return the plan of a run; None if there is none or it belongs to other examples or another kind of label."""
    path = run.layout.audits[per]
    if not is_there(path):
        return None
    plan = read_plan(run, path)
    of_units = per == "unit" and not run.dataset.kind.one_class
    here = set(plan["id"]) <= set(run.dataset.ids.tolist()) and ("unit" in plan) == of_units
    return complete(plan, seed) if here else None


def complete(plan: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Add the columns that release 0.1.0 did not store; its order was a permutation by the seed."""
    if "place" not in plan:
        place = np.full(len(plan), -1, np.int64)
        rows = np.flatnonzero(plan["drawn"])
        place[rows[np.random.default_rng(seed).permutation(len(rows))]] = np.arange(len(rows))
        plan = plan.assign(place=place)
    if "again" not in plan:
        plan = plan.assign(again=np.random.default_rng([seed, 2]).random(len(plan)), reviewer_error=np.nan)
    return plan


def read_plan(run: Run, path: Path) -> pd.DataFrame:
    """Read a stored plan of a run, one of `Layout.audits`.

    Raises
    ------
    RunError : the file is damaged or is not a plan.
    """
    columns = PLAN | (OF_EXAMPLES if path == run.layout.audits["example"] else {})
    try:
        plan = read_parquet(path).to_pandas()
        kinds = {name: plan[name].dtype.kind for name in columns if name != "id"}
        if {name: kind for name, kind in columns.items() if name != "id"} != kinds:
            raise ValueError(f"its columns are {kinds}")
        p, stratum = plan["p_error"], plan["stratum"]
        named = [name for name in ("id", "unit") if name in plan]
        if not (p.between(0, 1).all() and stratum.between(0, STRATA - 1).all()) or plan.duplicated(named).any():
            raise ValueError("its numbers are out of range, or it has a duplicate id or unit")
        for key in plan["unit"].unique() if "unit" in plan else ():
            check_key(key)
        return plan
    except Exception as error:  # pyarrow and pandas raise many kinds of errors for a damaged file
        todo = "Restore it, or delete it to draw another sample (verdicts stay in the journal)."
        raise RunError(f"{path} cannot be used ({error}). {todo}") from error


def store_plan(run: Run, plan: pd.DataFrame, per: str = "unit") -> None:
    with sealed(
        Layout(run.layout.root), run.layout.audits[per]
    ) as temporary:  # for a run at a URL the file stays local
        plan.to_parquet(temporary, index=False)


def draw(plan: pd.DataFrame, budget: int, seed: int) -> pd.DataFrame:
    """Draw the first units of each stratum; previously drawn ones stay, and come first."""
    stratum, before = plan["stratum"].to_numpy(), plan["drawn"].to_numpy()
    sizes = np.bincount(stratum)
    rates = np.bincount(stratum, plan["p_error"]) / np.maximum(sizes, 1)
    already = np.bincount(stratum[before], minlength=len(sizes))
    wanted = np.maximum(allocate(sizes, rates, min(budget, len(plan))), already)
    drawn = plan["turn"].to_numpy() < wanted[stratum]
    place = plan["place"].to_numpy().copy()
    rows = np.flatnonzero(drawn & ~before)
    first = int(before.sum())
    shuffled = np.random.default_rng([seed, first] if first else seed).permutation(len(rows))
    place[rows[shuffled]] = np.arange(first, first + len(rows))
    return plan.assign(drawn=drawn, place=place)


def stratify(p: np.ndarray, strata: int = STRATA) -> np.ndarray:
    """Assign examples to strata (n,) int64, from the least to the most suspicious.

    Boundaries divide the cumulative square root of p(1 - p) into equal parts: many certain examples share a stratum,
    few uncertain ones get their own.
    """
    rate = np.clip(p, RATE_FLOOR, 1 - RATE_FLOOR)
    order = np.argsort(p, kind="stable")
    cumulated = np.cumsum(np.sqrt(rate * (1 - rate))[order])
    stratum = np.empty(len(p), dtype=np.int64)
    stratum[order] = np.minimum((cumulated / cumulated[-1] * strata).astype(np.int64), strata - 1)
    return stratum


def stratify_sides(p: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Assign each unit to a stratum, (m,) int64, by p_error: first given units, then missing ones.

    A detector can overestimate missing tags and underestimate wrong ones, so no stratum mixes them.

    Parameters
    ----------
    p : (m,) p_error. added : (m,) bool, units that are not given: if they are wrong, something is missing.

    Notes
    -----
    The two sides share the strata in proportion to their sums of sqrt(p(1 - p)), at least two each.
    """
    if added.all() or not added.any():
        return stratify(p)
    rate = np.clip(p, RATE_FLOOR, 1 - RATE_FLOOR)
    weight = np.sqrt(rate * (1 - rate))
    own = int(np.clip(round(STRATA * weight[~added].sum() / weight.sum()), 2, STRATA - 2))
    stratum = np.empty(len(p), np.int64)
    stratum[~added] = stratify(p[~added], own)
    stratum[added] = own + stratify(p[added], STRATA - own)
    return stratum


def allocate(sizes: np.ndarray, rates: np.ndarray, budget: int) -> np.ndarray:
    """Return the number of examples to draw per stratum, (h,) int64, by Neyman allocation: size x standard deviation.

    Every stratum gets at least `LEAST_DRAWN`, if its size and half of the budget allow it, and at most its size. The
    numbers sum to `budget`, or to all examples.
    """
    rate = np.clip(rates, RATE_FLOOR, 1 - RATE_FLOOR)
    weight = sizes * np.sqrt(rate * (1 - rate))
    budget = min(budget, int(sizes.sum()))
    least = np.minimum(sizes, min(LEAST_DRAWN, budget // (2 * len(sizes))))
    low, high = 0.0, float(budget / weight[weight > 0].min() + sizes.max())
    for _ in range(100):  # the common factor at which the clipped shares sum to the budget
        factor = (low + high) / 2
        low, high = (factor, high) if np.clip(factor * weight, least, sizes).sum() < budget else (low, factor)
    share = np.clip(high * weight, least, sizes)
    whole = np.floor(share + 1e-6).astype(np.int64)
    remainder = np.argsort(-(share - whole), kind="stable")
    whole[remainder[: budget - int(whole.sum())]] += 1
    return whole
