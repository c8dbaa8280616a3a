"""Train heads on stored features with losses for incomplete tags, as evidence for `find_issues`.

The module handles scaling of features, batches, folds, and the inputs of methods (class priors, soft targets).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workbench.experiments.robust_training.networks import Setup, gradient_step
from workbench.foundation.devices import one_thread
from workbench.foundation.errors import InputError, shortened
from workbench.tags import losses
from workbench.tags.neighborhood import neighbor_votes, smooth_tags
from workbench.tags.tables import TagTable, read_vectors, table_of_tags
from workbench.tasks.tag_cells import NO, UNKNOWN, YES

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SETUP = Setup(decay=1.0)
"""Strong weight decay prevents heads from memorising unmarked cells as negatives."""

MIX = 0.5
"""Weight of the given tag in targets smoothed by neighbours."""

LEAST_MARKED = 0.05
"""Minimum share of the examples with a tag that are assumed to be marked with it."""

MOST_PRIOR = 0.95

INNER = 3
"""Number of folds of the model from which class priors are estimated."""


class Method(NamedTuple):
    """How a method treats unknown cells, in words, and its source."""

    in_words: str
    source: str


METHODS = {
    "bce": Method("cross-entropy, unknown cells count as no", "the usual baseline"),
    "entropy": Method("cross-entropy of known cells, entropy maximisation of unknown ones", "Zhou et al. 2022"),
    "nnpu": Method("non-negative risk of yes and unlabelled cells, with estimated class priors", "Yuan et al. 2023"),
    "asymmetric": Method("asymmetric loss: easy or implausible negatives count less", "Ridnik et al. 2021"),
    "neighbors": Method("cross-entropy on tags mixed with those of the neighbours", "Chen et al. 2023"),
}
"""Maps the name of a method to its description and source."""

Loss = Callable[["Tensor", "Tensor"], "Tensor"]

LOSSES: dict[str, Loss] = {
    "bce": losses.binary_cross_entropy,
    "entropy": losses.entropy_maximisation,
    "asymmetric": losses.asymmetric,
}

METHOD_OPTIONS: dict[str, tuple[str, ...]] = {
    "bce": (), "entropy": ("alpha",), "nnpu": ("priors",),
    "asymmetric": ("gamma_positive", "gamma_negative", "margin"), "neighbors": ("mix", "k"), "soft": (),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class TagHeads:
    """Trained heads of k tags.

    Attributes
    ----------
    names : names of the k tags. method : a key of `METHODS`. priors : float64 (k,), estimated share of examples that
        have each tag ("nnpu" only, otherwise None). network : the network. center, scale : means and standard
        deviations of the features.
    """

    names: tuple[str, ...]
    method: str
    priors: np.ndarray | None
    network: torch.nn.Module
    center: np.ndarray
    scale: np.ndarray

    def predict(self, features: Any) -> np.ndarray:
        """Predict the probability of each tag, float64 (m, k), from `features` (m, d).

        The features may belong to new examples, or to another modality in the same space, such as images after training
        on texts.

        Raises
        ------
        InputError : wrong number of features, or values that are not finite.
        """
        import torch

        x = read_vectors("features", features)
        if x.shape[1] != len(self.center):
            raise InputError.at("features", f"have {x.shape[1]} columns", f"Pass {len(self.center)}, as in training.")
        with torch.no_grad():
            logits = self.network(torch.from_numpy(((x - self.center) / self.scale).astype(np.float32)))
        return torch.sigmoid(logits).numpy().astype(np.float64)


def train(
    labels: Any, features: Any, *, method: str = "bce", open_world: bool = False, setup: Setup | None = None,
    classes: Sequence[object] | None = None, seed: int = 0, **options: Any,
) -> TagHeads:  # fmt: skip
    """Train heads for all tags on features, with a loss for incomplete tags.

    Parameters
    ----------
    labels : as in `proposals`.
    features : float (n, d), finite: embeddings, or any numeric table; columns are standardised.
    method : a key of `METHODS`: "bce", "entropy", "nnpu", "asymmetric" or "neighbors".
    open_world : whether every cell that is not yes counts as unknown, as is often the case for unmarked tags.
    setup : `workbench.experiments.robust_training.networks.Setup`: hidden units, epochs, batch size, learning rate,
        weight decay; by default 128 units, 25 epochs and a decay of 1.
    classes : as in `proposals`. seed : random seed of weights and batches.
    options : options of the method: `alpha` ("entropy"); `gamma_positive`, `gamma_negative`, `margin` ("asymmetric");
        `priors` (k,) instead of estimated ones ("nnpu"); `mix`, `k` neighbours ("neighbors").

    Returns
    -------
    TagHeads, whose `predict(features)` returns probabilities (m, k)

    Raises
    ------
    InputError : an unknown method or option, no cell that is yes, or labels or features in an unsupported form.

    Notes
    -----
    Cells given as no count as no for "bce", "entropy", "asymmetric" and "neighbors" (for "bce" and "asymmetric" so do
    unknown ones); "nnpu" treats them as unlabelled. Its class priors are the share of marked examples divided by the
    probability that a positive is marked. Elkan and Noto (2008) estimate this by the mean out-of-fold probability of
    being marked among marked examples, which is too low for tags that are hard to predict; the mean of the upper half
    is too high. The geometric mean of both is used.
    """
    table, x = _read(labels, features, classes, open_world)
    with one_thread():
        return _fit(table, x, method, setup or SETUP, seed, options)


def cross_val_predict(
    labels: Any, features: Any, *, method: str = "bce", folds: int = 5, open_world: bool = False,
    setup: Setup | None = None, classes: Sequence[object] | None = None, seed: int = 0, **options: Any,
) -> np.ndarray:  # fmt: skip
    """Out-of-fold probabilities of each tag: every example by heads that have not seen it.

    Parameters
    ----------
    labels, features, method, open_world, setup, classes, seed, options : as in `train`.
    folds : number of folds, at least 2; examples are assigned at random.

    Returns
    -------
    float64 (n, k) in [0, 1], for use as `pred_probs` in `find_issues` and `Run.save_pred_probs`

    Raises
    ------
    InputError : fewer than 2 folds or more folds than examples, or as in `train`.
    """
    table, x = _read(labels, features, classes, open_world)
    n = len(x)
    if int(folds) != folds or not 2 <= folds <= n:
        raise InputError.at("folds", f"is {folds!r}", f"Pass a whole number from 2 to {n}.")
    fold = np.random.default_rng(seed).permutation(n) % int(folds)
    with one_thread():
        return _out_of_fold(table, x, fold, method, setup or SETUP, seed, options)


def refine_tags(
    initial: Any, features: Any, *, rounds: int = 5, step_size: float = 1.0, folds: int = 5,
    setup: Setup | None = None, seed: int = 0,
) -> np.ndarray:  # fmt: skip
    """Refine soft tags without annotations: alternately train heads and move uncertain tags towards their predictions.

    Parameters
    ----------
    initial : float (n, k) in [0, 1], such as the result of `aggregate_patches`.
    features : float (n, d), finite.
    rounds : number of rounds. step_size : positive; how far tags move in each round.
    folds, setup, seed : as in `cross_val_predict`.

    Returns
    -------
    float64 (n, k) in [0, 1]

    Raises
    ------
    InputError : tags outside [0, 1], or features in an unsupported form.

    Notes
    -----
    With u = logit y, each round does u <- u + step_size psi(y) logit p, where -logit p is the gradient of the
    cross-entropy with respect to y, and psi is the normal density with mean 1/2 and standard deviation 1/6, scaled to a
    maximum of 1: certain tags hardly move. Predictions are out-of-fold here, unlike in the paper.

    References
    ----------
    Abdelfattah et al. 2023, CDUL: CLIP-Driven Unsupervised Learning for Multi-Label Image Classification.
    """
    y = read_vectors("initial", initial)
    if ((y < 0) | (y > 1)).any():
        raise InputError.at("initial", "holds numbers outside [0, 1]", "Pass probabilities of tags.")
    x = read_vectors("features", features, len(y))
    rng = np.random.default_rng(seed)
    table = TagTable(y, tuple(map(str, range(y.shape[1]))), np.arange(len(y)))
    clip = 1e-3
    with one_thread():
        for number in range(rounds):
            fold = rng.permutation(len(y)) % int(folds)
            p = _out_of_fold(table, x, fold, "soft", setup or SETUP, seed + number, {})
            p, y = np.clip(p, clip, 1 - clip), np.clip(table.given, clip, 1 - clip)
            weight = np.exp(-18 * (y - 0.5) ** 2)
            moved = np.log(y / (1 - y)) + step_size * weight * np.log(p / (1 - p))
            table = table._replace(given=1 / (1 + np.exp(-moved)))
    return table.given


def _read(labels: Any, features: Any, classes: Sequence[object] | None, open_world: bool) -> tuple[TagTable, Any]:
    table = table_of_tags(labels, classes)
    x = read_vectors("features", features, len(table.given))
    if not (table.given == YES).any():
        raise InputError.at("labels", "have no cell that is yes", "Pass labels with some tags.")
    if open_world:
        table = table._replace(given=np.where(table.given == NO, UNKNOWN, table.given).astype(np.int8))
    return table, x


def _out_of_fold(
    table: TagTable,
    x: np.ndarray,
    fold: np.ndarray,
    method: str,
    setup: Setup,
    seed: int,
    options: Mapping[str, Any],
) -> np.ndarray:
    out = np.empty(table.given.shape)
    for number in range(int(fold.max()) + 1):
        held = fold == number
        part = table._replace(given=table.given[~held], ids=table.ids[~held])
        out[held] = _fit(part, x[~held], method, setup, seed + number, options).predict(x[held])
    return out


def _fit(table: TagTable, x: np.ndarray, method: str, setup: Setup, seed: int, options: Mapping[str, Any]) -> TagHeads:
    """Train heads by one method; "soft" accepts tags in [0, 1]."""
    import torch

    if method not in METHOD_OPTIONS:
        raise InputError.unknown("method", method, METHODS)
    for name in options:
        if name not in METHOD_OPTIONS[method]:
            raise InputError.unknown(f"option of {method!r}", name, METHOD_OPTIONS[method])
    target, priors = table.given.astype(np.float32), None
    loss: Loss = LOSSES.get(method, losses.soft_cross_entropy)
    if method == "neighbors":
        bare = np.maximum(table.given, NO)
        votes = neighbor_votes(bare, x, k=options.get("k", 10))
        target = smooth_tags(bare, votes, mix=options.get("mix", MIX)).astype(np.float32)
    elif method == "nnpu":
        priors = _given_priors(options["priors"], table) if "priors" in options else _priors(table, x, setup, seed)
        known = {"priors": priors, "share": (table.given == YES).mean(axis=0)}
        tensors = {name: torch.from_numpy(value.astype(np.float32)) for name, value in known.items()}
        loss = functools.partial(losses.non_negative_pu, **tensors)
    elif options:
        loss = functools.partial(loss, **options)
    center, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1)
    inputs = torch.from_numpy(((x - center) / scale).astype(np.float32))
    network = _trained(inputs, torch.from_numpy(target), loss, setup, seed)
    return TagHeads(table.names, method, priors, network, center, scale)


def _trained(x: Tensor, target: Tensor, loss: Loss, setup: Setup, seed: int) -> torch.nn.Module:
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        d, k = x.shape[1], target.shape[1]
        layers = [nn.Linear(d, setup.hidden), nn.ReLU(), nn.Linear(setup.hidden, k)] if setup.hidden else None
        network = nn.Sequential(*layers) if layers else nn.Linear(d, k)
    optimizer = torch.optim.AdamW(network.parameters(), lr=setup.learning_rate, weight_decay=setup.decay, fused=True)
    rng = np.random.default_rng(seed)
    for _ in range(setup.epochs):
        for rows in torch.from_numpy(rng.permutation(len(x))).split(setup.batch):
            gradient_step(optimizer, loss(network(x[rows]), target[rows]))
    return network


def _priors(table: TagTable, x: np.ndarray, setup: Setup, seed: int) -> np.ndarray:
    """Estimate the share of examples that have each tag, (k,), from the probability of being marked."""
    fold = np.random.default_rng(seed).permutation(len(x)) % INNER
    marked = table.given == YES
    bare = table._replace(given=marked.astype(np.int8))
    p = _out_of_fold(bare, x, fold, "bce", setup, seed, {})
    found = np.empty(len(table.names))
    for tag, yes in enumerate(marked.T):
        sure = np.sort(p[yes, tag])
        rate = np.sqrt(sure.mean() * sure[len(sure) // 2 :].mean()) if len(sure) else 1.0
        found[tag] = min(yes.mean() / max(float(rate), LEAST_MARKED), MOST_PRIOR)
    return np.maximum(found, marked.mean(axis=0))


def _given_priors(priors: Any, table: TagTable) -> np.ndarray:
    values = np.asarray(priors, float)
    if values.shape != (len(table.names),) or not ((values >= 0) & (values <= 1)).all():
        raise InputError.at("priors", f"are {shortened(priors)}", "Pass a share in [0, 1] for each tag.")
    return values
