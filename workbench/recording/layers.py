"""Capture the vectors of a layer of a torch module during the forward pass, and find the logits in its output.

This module uses forward hooks, handles the many forms of outputs (tensors, tuples, Hugging Face outputs, feature maps,
token sequences), and finds the layer before the classifier.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.foundation.errors import InputError

if TYPE_CHECKING:
    import torch

AUTO = "auto"
"""Name for the input of the last linear layer, the usual embedding of a classifier."""

LABELS = ("labels", "label", "label_ids")
"""Names of the given labels among the inputs; models use them only to compute a loss."""


class Tap:
    """Context manager that captures the vectors of one layer with a hook, which is removed at the end.

    Parameters
    ----------
    model : torch module.
    layer : a name in `model.named_modules()`, for the output of that layer; or "auto", for the input of the last linear
        layer (the last one with `classes` outputs, if there is one).
    classes : number of classes.

    Raises
    ------
    InputError : there is no layer of that name (the message has the closest one), or "auto" and no linear layer.
    """

    def __init__(self, model: torch.nn.Module, layer: str = AUTO, classes: int | None = None) -> None:
        self.name, self._takes_input = layer, layer == AUTO
        modules = dict(model.named_modules())
        if self._takes_input:
            self.name = _last_linear(modules, classes)
        elif layer not in modules or layer == "":
            raise InputError.unknown("layer", layer, [name for name in modules if name], "It was passed as `embed=`.")
        self._module = modules[self.name]
        self.described = f"input of {self.name}" if self._takes_input else f"output of {self.name}"
        self._caught: Any = None
        self._hook: Any = None

    def __enter__(self) -> Tap:
        if self._takes_input:
            self._hook = self._module.register_forward_pre_hook(self._catch_input, with_kwargs=True)
        else:
            self._hook = self._module.register_forward_hook(self._catch_output)
        return self

    def __exit__(self, *exception: object) -> None:
        self._hook.remove()
        self._caught = None

    def _catch_input(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._caught = args[0] if args else next(iter(kwargs.values()), None)

    def _catch_output(self, module: Any, args: tuple[Any, ...], output: Any) -> None:
        self._caught = output

    def take(self, b: int, mask: Any = None) -> torch.Tensor:
        """Return the vectors (b, d) of the last forward pass, and discard them.

        Parameters
        ----------
        b : number of examples in the batch.
        mask : (b, t) attention mask; padding is excluded from the mean over t tokens.

        Raises
        ------
        InputError : the layer did not run, or its output does not have b rows.
        """
        caught, self._caught = self._caught, None
        if caught is None:
            raise InputError.at(f"layer {self.name}", "did not run in this forward pass", "Name a layer that does.")
        vectors = pooled_layer(_first_tensor(caught), mask)
        if vectors.ndim != 2 or len(vectors) != b:
            found = f"returned shape {tuple(vectors.shape)} for {b} examples"
            raise InputError.at(f"layer {self.name}", found, "Name a layer with one row per example.")
        return vectors.detach()


def pooled_layer(values: torch.Tensor, mask: Any = None) -> torch.Tensor:
    """Reduce the output of a layer to (b, d): (b, t, d) is averaged over t, (b, c, h, w, ...) over h, w, ...

    `mask` (b, t) excludes padding from the average over t.
    """
    if values.ndim == 3:
        if mask is not None and tuple(mask.shape) == tuple(values.shape[:2]):
            weights = mask.to(values.device, values.dtype)[:, :, None]
            return (values * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        return values.mean(dim=1)
    if values.ndim > 3:
        return values.flatten(2).mean(dim=2)
    return values[:, None] if values.ndim == 1 else values


def logits_in(
    output: Any, k: int, logits_of: Callable[[Any], Any] | None = None, *, one_class: bool = True
) -> torch.Tensor:
    """Find the logits (b, k) in the output of a model.

    Parameters
    ----------
    output : output of the model: a tensor, an object or mapping with "logits", or a tuple, of which the first tensor of
        shape (b, k) is used.
    k : number of classes, or of tags. With two classes, a single column z is the logit of the second one and is read as
        (0, z); with one tag, (b,) logits are read as (b, 1).
    logits_of : function from the output to the logits, for all other cases.
    one_class : whether an example has one of k classes (softmax) rather than any of k tags (a sigmoid each).

    Raises
    ------
    InputError : there are no logits; the message describes the output.
    """
    if logits_of is not None:
        return _columns(logits_of(output), k, one_class)
    found = output
    if isinstance(output, Mapping):
        found = output.get("logits")
    elif hasattr(output, "logits"):
        found = output.logits
    elif isinstance(output, (tuple, list)):
        tensors = [_columns(part, k, one_class) for part in output if hasattr(part, "shape")]
        found = next((part for part in tensors if part.ndim == 2 and part.shape[1] == k), None)
    if not hasattr(found, "shape"):
        names = f" with {', '.join(map(str, output))}" if isinstance(output, Mapping) else ""
        returned = f"is a {type(output).__name__}{names}, without logits of {k} {'classes' if one_class else 'tags'}"
        raise InputError.at("output of the model", returned, "Pass `logits_of=`, a function from it to the logits.")
    return _columns(found, k, one_class)


def _columns(logits: Any, k: int, one_class: bool) -> Any:
    """Return (b, 2) logits for the single logit of a binary classifier, and (b, 1) for (b,) logits of one tag.

    Everything else is unchanged.
    """
    if not one_class:
        return logits[:, None] if k == 1 and logits.ndim == 1 else logits
    if k == 2 and (logits.ndim == 1 or (logits.ndim == 2 and logits.shape[1] == 1)):
        import torch

        one = torch.as_tensor(logits).reshape(-1)
        return torch.stack([torch.zeros_like(one), one], dim=1)
    return logits


def accepted(model: torch.nn.Module, names: Iterable[str]) -> set[str]:
    """Return the `names` that forward accepts, without labels; all of them if it lists none but has **kwargs."""
    wanted = {name for name in names if name not in LABELS}
    parameters = inspect.signature(model.forward).parameters.values()
    named = wanted & {one.name for one in parameters}
    return wanted if not named and any(one.kind is one.VAR_KEYWORD for one in parameters) else named


def _last_linear(modules: Mapping[str, Any], classes: int | None) -> str:
    """Return the name of the layer that computes the logits."""
    import torch

    linear = {name: one for name, one in modules.items() if isinstance(one, (torch.nn.Linear, torch.nn.LazyLinear))}
    fitting = [name for name, one in linear.items() if one.out_features == classes] or list(linear)
    if not fitting:
        raise InputError(
            "`embed='auto'` uses the last linear layer, but this model has none. "
            "Pass the name of a layer in `model.named_modules()`, or embed=None to record no embeddings."
        )
    return fitting[-1]


def _first_tensor(output: Any) -> Any:
    """Return the tensor of a layer's output: the pooled or last hidden state of Hugging Face, else the first tensor."""
    import torch

    if isinstance(output, torch.Tensor):
        return output
    fields = output if isinstance(output, Mapping) else getattr(output, "__dict__", {})
    parts = output.values() if isinstance(output, Mapping) else output if isinstance(output, (tuple, list)) else ()
    for part in (fields.get("pooler_output"), fields.get("last_hidden_state"), *parts):
        if isinstance(part, torch.Tensor):
            return part
    found = f"names a layer that returns a {type(output).__name__}"
    raise InputError.at("embed", found, "Name a layer that returns a tensor.")
