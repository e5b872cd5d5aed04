"""Pictures made anew from their points alone: no place, camera, author, thumbnail or remark comes along.

Pillow reads within limits that are checked before a point is drawn; the orientation that a camera noted is applied.
"""

import io
import struct
import warnings
from typing import Any, Final

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from signaltable.attached.unfit import Unfit
from signaltable.attachment_rules import Picture

FORMATS: Final = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF"}
_SAVE: Final[dict[str, dict[str, Any]]] = {
    "jpeg": {"quality": 90, "optimize": True},
    "png": {"optimize": False},
    "webp": {"quality": 90, "method": 4},
    "gif": {},
}
# How points can lie in a file that is written anew; every other way is turned into one of these.
_MODES: Final = {
    "jpeg": ("L", "RGB"),
    "png": ("1", "L", "LA", "RGB", "RGBA"),
    "webp": ("RGB", "RGBA"),
    "gif": ("L", "RGB", "RGBA"),
}
_BROKEN: Final = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    OverflowError,
    struct.error,
    UnidentifiedImageError,
)


def clean_picture(data: bytes, kind: str, limits: Picture) -> bytes:
    """The same picture without anything beside its points. Raises `Unfit` when it is too large or no picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=[FORMATS[kind]]) as picture:
                _check_size(picture, limits)
                return _made_anew(picture, kind)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise Unfit("picture_size", kind) from None
    except _BROKEN:
        raise Unfit("broken", kind) from None


def _check_size(picture: Image.Image, limits: Picture) -> None:
    frames = getattr(picture, "n_frames", 1)
    points = picture.width * picture.height
    if max(picture.size) > limits.side or points > limits.pixels or frames > limits.frames:
        raise Unfit("picture_size", (picture.format or "").lower())
    if points * frames > limits.pixels * 4:
        raise Unfit("picture_size", (picture.format or "").lower())


def _made_anew(picture: Image.Image, kind: str) -> bytes:
    moving = kind in {"gif", "webp"} and getattr(picture, "n_frames", 1) > 1
    written = io.BytesIO()
    if moving:
        frames, times = [], []
        for frame in ImageSequence.Iterator(picture):
            times.append(int(frame.info.get("duration", 100)) or 100)
            frames.append(_points(frame, kind))
        frames[0].save(
            written, FORMATS[kind], save_all=True, append_images=frames[1:], duration=times, loop=0, **_SAVE[kind]
        )
    else:
        _points(ImageOps.exif_transpose(picture), kind).save(written, FORMATS[kind], **_SAVE[kind])
    return written.getvalue()


def _points(picture: Image.Image, kind: str) -> Image.Image:
    """Only the points, in a picture of its own that knows nothing of where they came from."""
    is_mapped = picture.mode in {"P", "PA"} or "transparency" in picture.info
    flat = picture.convert("RGBA") if is_mapped else picture
    if flat.mode not in _MODES[kind]:
        flat = flat.convert("RGBA" if "A" in flat.getbands() and kind != "jpeg" else "RGB")
    made = Image.new(flat.mode, flat.size)
    made.paste(flat)
    return made


# -- pictures inside documents -------------------------------------------------------------------------------------

_JPEG_KEPT: Final = frozenset({0xE0, 0xEE})


def strip_jpeg(data: bytes) -> bytes:
    """A JPEG without its segments for remarks and applications (Exif, XMP, ICC, thumbnails); its points stay as they are.

    The segment of Adobe stays, because it says how colours are meant. Raises `Unfit` for what is no JPEG.
    """
    if data[:2] != b"\xff\xd8":
        raise Unfit("inside")
    kept, at = [b"\xff\xd8"], 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise Unfit("inside")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xD9:
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + length
        if length < 2 or end > len(data):
            raise Unfit("inside")
        if _stays(marker, data[at + 4 : end]):
            kept.append(data[at:end])
        if marker == 0xDA:
            scan, at = _scan(data, end)
            kept.append(scan)
        else:
            at = end
    return b"".join([*kept, b"\xff\xd9"])


def _stays(marker: int, body: bytes) -> bool:
    if marker == 0xFE or (0xE0 <= marker <= 0xEF and marker not in _JPEG_KEPT):
        return False
    if marker == 0xE0:
        return body[:5] == b"JFIF\x00" and len(body) == 14  # Longer ones carry a thumbnail.
    return marker != 0xEE or (body[:5] == b"Adobe" and len(body) == 12)


def _scan(data: bytes, at: int) -> tuple[bytes, int]:
    """The points from here on: up to the next marker that is not part of them."""
    start = at
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return data[start:], len(data)
        if data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7:
            at += 2
        else:
            return data[start:at], at
