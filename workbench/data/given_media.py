"""Images and sounds passed by a user as bytes, paths, arrays or PIL images, encoded when they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.media import encode_png
from workbench.foundation.errors import InputError


class GivenImages(Sequence[Any]):
    """Images as given, encoded on access: bytes and paths are returned unchanged, arrays as PNG."""

    def __init__(self, images: Sequence[Any] | np.ndarray) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, row: Any) -> Any:
        image = self._images[row]
        if image is None or image is pd.NA or (isinstance(image, float) and np.isnan(image)):
            return None
        if isinstance(image, (bytes, bytearray, memoryview)):
            return bytes(image)
        if isinstance(image, (str, Path)):
            return str(image)
        return encode_png(image, row)

    def paths(self) -> Iterator[tuple[int, str | Path]]:
        """Yield the row and path of each image that is given as a path."""
        if self.any_path():
            yield from ((row, one) for row, one in enumerate(self._images) if isinstance(one, (str, Path)))

    def any_path(self) -> bool:
        """Whether any image is given as a path."""
        if isinstance(self._images, np.ndarray) and self._images.dtype != object:
            return self._images.dtype.kind == "U"
        return any(isinstance(image, (str, Path)) for image in self._images)


class GivenSounds(GivenImages):
    """Sounds as given: bytes and paths."""

    def __getitem__(self, row: Any) -> Any:
        sound = self._images[row]
        if sound is None or isinstance(sound, (bytes, bytearray, memoryview, str, Path, float, type(pd.NA))):
            return super().__getitem__(row)
        found = f"is a {type(sound).__name__}"
        raise InputError.at("sounds", found, "Pass the bytes or the path of a WAV, MP3, OGG or FLAC file.", row=row)
