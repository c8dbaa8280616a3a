"""Safe handling of images and sounds: encode arrays, read files below one folder, decode with a pixel limit.

All code that turns untrusted bytes or paths into a picture uses this module.
"""

from __future__ import annotations

import io
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from workbench.foundation.cells import is_url
from workbench.foundation.errors import InputError

MAX_PIXELS = 50_000_000
"""Images with more pixels than this are not decoded (a 10 kB file can claim a billion pixels)."""

MAX_BYTES = 64_000_000
"""Image files with more bytes than this are not read into memory."""

LARGE_PIXELS, LARGE_BYTES, PIXELS_PER_BYTE = 400_000_000, 4_000_000_000, 300
"""Pixels and bytes of pictures that are shown in tiles at most (`workbench.data.large_pictures`), and pixels per byte
of their files: more has only an empty picture, or a file made to exhaust memory."""

MAX_SOUND = 20_000_000
"""Sounds with more bytes than this are not sent to a view."""

SOUNDS = ((b"RIFF", "audio/wav"), (b"OggS", "audio/ogg"), (b"fLaC", "audio/flac"), (b"ID3", "audio/mpeg"))
"""First bytes and MIME types of the sounds that are passed to a browser's player."""

NAME_IT = (
    "If the files are elsewhere, or somebody else recorded the run, pass their folder: `open_run(path, "
    "media_root=FOLDER)`, or `media_root=FOLDER` where the Dataset is created."
)
"""What to do about files that are not found."""

_PILLOW = threading.Lock()
"""Held while Pillow's limit of pixels, a variable of its module, is another one."""

ORIENTATION, TURNED = 0x0112, 5
"""The EXIF tag of the orientation, and its least value for pictures that lie on a side."""

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
"""Formats that are decoded. Others are refused: decoding some of them, such as EPS, starts external programs."""


def encode_png(image: object, row: int | None = None) -> bytes:
    """Encode a PIL image or an array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) as PNG.

    Arrays are uint8, bool (black and white), other integers in [0, 255] or floats in [0, 1].
    """
    from PIL import Image

    picture = image if isinstance(image, Image.Image) else Image.fromarray(_as_uint8(np.asarray(image), row))
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=6)
    return out.getvalue()


def _as_uint8(pixels: np.ndarray, row: int | None) -> np.ndarray:
    """Convert to (h, w) or (h, w, 3 or 4) uint8; errors name the row."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    if not shaped or not pixels.size or pixels.dtype.kind not in "biuf":
        found = f"is an array of {pixels.dtype} of shape {pixels.shape}"
        raise InputError.at("images", found, "Use (h, w), (h, w, 3) or (h, w, 4); channels come last.", row=row)
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * 255
    low, high = float(np.nanmin(pixels)), float(np.nanmax(pixels))
    if pixels.dtype.kind == "f" and low >= 0 and high <= 1:
        return (np.nan_to_num(pixels) * 255).round().astype(np.uint8)
    if pixels.dtype.kind in "iu" and low >= 0 and high <= 255:
        return pixels.astype(np.uint8)
    found = f"has {pixels.dtype} values from {low:g} to {high:g}"
    raise InputError.at("images", found, "Use uint8 0-255 or float 0-1.", row=row)


def read_image(image: bytes | str | None, root: Path | None) -> bytes | None:
    """Return the encoded bytes of an image given as bytes or as a path below `root`.

    Raises
    ------
    InputError : the path is a URL, lies outside `root` or does not exist, or the file is too large.
    """
    return read_media(image, root, "image", MAX_BYTES)


def read_media(media: bytes | str | None, root: Path | None, field: str, most: int) -> bytes | None:
    """Return the bytes of a media file of at most `most` bytes; `field` is its name in messages.

    Raises the errors of `read_image`.
    """
    if media is None or isinstance(media, bytes):
        return media
    path = media_path(media, root, field)
    try:
        if path.stat().st_size > most:
            raise InputError.at(field, f"is larger than {most // 10**6} MB: {path}", "Make it smaller.")
        return path.read_bytes()
    except OSError as error:
        raise InputError.at(field, f"cannot be read: {error}", "Check the file.") from error


def media_path(media: str, root: Path | None, field: str = "image") -> Path:
    """Resolve a path of the user's data to a file below `root`; raises the errors of `read_image`."""
    if is_url(media):
        raise InputError.at(field, f"is a URL: {media}", "It is shown as text; nothing is fetched.")
    if root is None:
        found = f"is a path outside the run: {media}"
        raise InputError.at(field, found, "Open the run with `open_run(path, media_root=FOLDER)` to allow it.")
    try:
        path = (root / media).resolve()
        if not path.is_relative_to(root.resolve()):
            todo = f"Files are read below {root} only. {NAME_IT}"
            raise InputError.at(field, f"leaves the media folder: {media}", todo, brief="not in the media folder")
        if not path.is_file():
            todo = f"Paths start in {root}. {NAME_IT}"
            raise InputError.at(field, f"does not exist: {path}", todo, brief="not found")
        return path
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # a null byte in the name, a loop of links
        raise InputError.at(field, f"cannot be read: {error}", "Check the file.") from error


def image_source(image: bytes | str | None, root: Path | None) -> bytes | Path | None:
    """Return the encoded bytes of an image, or its file if it has more than `MAX_BYTES` or `MAX_PIXELS`.

    Raises
    ------
    InputError : as in `read_image`, or the file has more than `LARGE_BYTES`.
    """
    if image is None or isinstance(image, bytes):
        return image
    path = media_path(image, root)
    return path if is_large(path) else read_media(image, root, "image", LARGE_BYTES)


def is_large(source: bytes | Path) -> bool:
    """Whether a picture is shown in tiles: it has more than `MAX_PIXELS`, up to `LARGE_PIXELS`, or its file has more
    than `MAX_BYTES`.

    Raises
    ------
    InputError : the file cannot be read, or has more than `LARGE_BYTES`.
    """
    if isinstance(source, Path):
        try:
            size = source.stat().st_size
        except OSError as error:
            raise InputError.at("image", f"cannot be read: {error}", "Check the file.") from error
        if size > LARGE_BYTES:
            found = f"is larger than {LARGE_BYTES // 10**6:,} MB: {source}"
            raise InputError.at("image", found, "Make it smaller, or cut it into parts.")
        if size > MAX_BYTES:
            return True
    else:
        size = len(source)
    try:
        with open_header(source) as picture:
            return MAX_PIXELS < picture.width * picture.height <= min(LARGE_PIXELS, PIXELS_PER_BYTE * size)
    except InputError:
        return False  # the error is that of its decoding


def open_header(source: bytes | Path) -> Any:
    """Open an image, bytes or a file, without decoding it; Pillow's limit of pixels is `LARGE_PIXELS` meanwhile.

    Raises
    ------
    InputError : it is not an image of a known format, or claims more than twice as many pixels.
    """
    from PIL import Image

    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, LARGE_PIXELS
        try:
            return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
        except Image.DecompressionBombError as error:
            todo = f"At most {LARGE_PIXELS:,} pixels are decoded."
            raise InputError.at("image", f"claims too many pixels ({error})", todo) from error
        except Exception as error:
            found = f"cannot be decoded ({type(error).__name__}: {error})"
            raise InputError.at("image", found, "Is it an image?") from error
        finally:
            Image.MAX_IMAGE_PIXELS = before


def thumbnail(data: bytes | Path, size: int = 96, pixelated_below: int = 48) -> tuple[bytes, int, int]:
    """Return a PNG (JPEG for photographs) with sides of at most `size` pixels, its width and its height.

    The EXIF orientation is applied, and the result has 8 bits per channel. Of an animation the first frame is used.
    Images whose longest side is at most `pixelated_below` are always encoded as PNG; the view enlarges them.

    Raises
    ------
    InputError : the bytes are not an image of a known format, or claim more than `MAX_PIXELS`.
    """
    picture = as_shown(open_image(data, size))
    picture.thumbnail((size, size))
    lossy = max(picture.size) > pixelated_below and picture.mode == "RGB"
    return encode(picture, lossy=lossy, quality=85), picture.width, picture.height


def encode(picture: Any, *, lossy: bool, quality: int = 95) -> bytes:
    """Encode a PIL image as JPEG if `lossy`, else as PNG."""
    out = io.BytesIO()
    if lossy:
        picture.save(out, "JPEG", quality=quality)
    else:
        picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def as_shown(picture: Any) -> Any:
    """Convert a PIL image for display: upright, in mode L, RGB, or RGBA if some pixels are transparent.

    Grey values of more than 8 bits (`deep`) are rescaled to the range from the lowest to the highest value of the
    picture. Otherwise 12-bit scans in 16-bit files would be nearly black.
    """
    from PIL import ImageOps

    try:
        picture = ImageOps.exif_transpose(picture)
    except Exception:  # invalid EXIF data: the picture itself is intact, so show it without rotation
        picture = picture.copy()
    if deep(picture):
        return _eight_bits(picture)
    if "A" in picture.getbands() or "a" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        return picture if picture.getextrema()[3][0] < 255 else picture.convert("RGB")
    return picture if picture.mode in ("L", "RGB") else picture.convert("L" if picture.mode == "1" else "RGB")


def deep(picture: Any) -> bool:
    """Whether a PIL image has grey values of more than 8 bits."""
    return picture.mode == "F" or picture.mode.startswith("I")


def _eight_bits(picture: Any) -> Any:
    """Return an 8-bit grey PIL image, with the finite values rescaled from the lowest to the highest."""
    from PIL import Image

    values = np.asarray(picture, dtype=np.float32)
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if picture.mode.startswith("I") and low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) * (255 / max(high - low, 1e-12))
    return Image.fromarray(scaled.clip(0, 255).round().astype(np.uint8))


def open_image(data: bytes | Path, size: int | None = None) -> Any:
    """Decode an image with PIL; refuse it if its header claims more than `MAX_PIXELS` pixels or an unknown format.

    With `size`, a JPEG may be decoded at a reduced size, with its longest side at least `size`.
    """
    try:
        picture = open_header(data)
        claimed = picture.width, picture.height
        if size is not None and claimed[0] * claimed[1] <= LARGE_PIXELS:
            picture.draft(None, (max(size, 512), max(size, 512)))
        if picture.width * picture.height > MAX_PIXELS:
            found, most = f"claims {claimed[0]} x {claimed[1]} pixels", f"At most {MAX_PIXELS:,} pixels are decoded."
            too_many = claimed[0] * claimed[1] > LARGE_PIXELS
            todo = f"Pictures of up to {LARGE_PIXELS:,} are shown in tiles: cut it into parts." if too_many else most
            raise InputError.at("image", found, todo)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged EXIF data
            picture.load()
    except InputError:
        raise
    except Exception as error:
        found = f"cannot be decoded ({type(error).__name__}: {error})"
        raise InputError.at("image", found, "Is it an image?") from error
    return picture


def image_size(data: bytes | Path) -> tuple[int, int]:
    """Return width and height of an image, bytes or a file, as displayed, that is upright; only its header is read.

    Raises
    ------
    InputError : the bytes are not an image of a known format.
    """
    from PIL import Image

    try:
        with open_header(data) as picture:
            turned = Image.Image.getexif(picture).get(ORIENTATION, 1) >= TURNED  # that of PNG decodes the pixels
            width, height = picture.size
    except Exception as error:
        found = f"cannot be decoded ({type(error).__name__}: {error})"
        raise InputError.at("image", found, "Is it an image?") from error
    return (height, width) if turned else (width, height)


def size_if_known(image: bytes | str | None, root: Path | None) -> tuple[int, int] | None:
    """Return the `image_size` of an image given as bytes or as a path below `root`; None if it cannot be read."""
    try:
        return None if image is None else image_size(image if isinstance(image, bytes) else media_path(image, root))
    except InputError:
        return None


def read_sound(sound: bytes | str | None, root: Path | None) -> tuple[bytes, str] | None:
    """Return (bytes, MIME type) of a WAV, OGG, FLAC or MP3 file given as bytes or as a path below `root`.

    The bytes are not decoded here: the browser's player does that and never treats them as a page.

    Raises
    ------
    InputError : as in `read_image`, or the bytes do not start like one of these formats.
    """
    data = read_media(sound, root, "audio", MAX_SOUND)
    if data is None:
        return None
    if len(data) > MAX_SOUND:
        raise InputError.at("audio", f"is larger than {MAX_SOUND // 10**6} MB", "Make it smaller.")
    for magic, mime in SOUNDS:
        if data.startswith(magic) and (magic != b"RIFF" or data[8:12] == b"WAVE"):
            return data, mime
    if len(data) > 2 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:  # an MPEG frame without an ID3 tag
        return data, "audio/mpeg"
    raise InputError.at("audio", f"is not WAV, MP3, OGG or FLAC: it begins with {data[:4]!r}", "Convert the file.")
