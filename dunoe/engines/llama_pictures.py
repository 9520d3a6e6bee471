"""How many tokens a picture becomes, as llama.cpp makes them: told by the projector's header and the picture's size.

Kinds of projectors that cut a picture into tiles are not counted here; docs/design/context.md has the table.
"""

import base64
import binascii
import struct
from dataclasses import dataclass
from math import ceil, sqrt
from pathlib import Path
from typing import NamedTuple

from dunoe.engines.request import Json
from dunoe.weights.header import Header, read_header

_FEWEST, _MOST = 8, 4096  # tokens of a picture that keeps its shape, where the file does not say


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


class _Kind(NamedTuple):
    """before, behind: texts around a picture. merging: says how many patches a side become one token, else `merged`."""

    before: str
    behind: str
    merging: str
    merged: int


_QWEN = _Kind("<|vision_start|>", "<|vision_end|>", "spatial_merge_size", 2)
_KINDS = {
    "mlp": _Kind("", "", "none", 1),
    "gemma3": _Kind("<start_of_image>", "<end_of_image>", "projector.scale_factor", 4),
    "qwen2vl_merger": _QWEN,
    "qwen2.5vl_merger": _QWEN,
    "qwen3vl_merger": _QWEN,
}
_SEGMENTS = 1000  # of a JPEG before its frame; honest ones have some dozens


@dataclass(frozen=True, slots=True)
class Eye:
    """What a projector does. edges: the texts around a picture.

    unit: pixels a side that become one token. fixed: tokens of any picture; None: its shape is kept, and so tells.
    least, most: pixels of such a picture.
    """

    edges: tuple[str, str]
    unit: int
    fixed: int | None
    least: int
    most: int

    @classmethod
    def of(cls, file: Path) -> "Eye | None":
        """Of a projector's file; None for a kind whose pictures only llama.cpp can count."""
        header = read_header(file)
        name = header.text("clip.vision.projector_type") or header.text("clip.projector_type")
        kind = _KINDS.get(name or "")
        if kind is None or "clip.vision.image_grid_pinpoints" in header.metadata:
            return None
        side, patch = _number(header, "image_size"), _number(header, "patch_size")
        unit = patch * (_number(header, kind.merging) or kind.merged)
        if not 0 < unit <= side:
            return None
        least = _number(header, "image_min_pixels") or _FEWEST * unit**2
        most = _number(header, "image_max_pixels") or _MOST * unit**2
        fixed = None if kind is _QWEN else (side // unit) ** 2
        return cls((kind.before, kind.behind), unit, fixed, least, most)

    def tokens(self, picture: Json) -> int | None:
        """Of an image part, without its edges; None where its size cannot be read."""
        if self.fixed is not None:
            return self.fixed
        size = size_of(picture)
        if size is None:
            return None
        width, height = self._resized(size)
        return (width // self.unit) * (height // self.unit)

    def _resized(self, size: Size) -> Size:
        """Whole units, between the least and the most; reckoned in 32 bits, for a rounding decides."""
        unit, area = self.unit, size.width * size.height
        whole = [max(1, int(_f32(side / unit) + 0.5)) * unit for side in size]
        if whole[0] * whole[1] > self.most:
            by = _f32(sqrt(_f32(_f32(area) / self.most)))
            whole = [max(1, int(_f32(_f32(side / by) / unit))) * unit for side in size]
        elif whole[0] * whole[1] < self.least:
            by = _f32(sqrt(_f32(_f32(self.least) / area)))
            whole = [ceil(_f32(_f32(side * by) / unit)) * unit for side in size]
        return Size(*whole)


def size_of(picture: Json) -> Size | None:
    """Of an image part that carries its bytes: PNG, GIF or JPEG, which is what llama.cpp reads."""
    try:
        data = base64.b64decode(picture["image_url"]["url"].partition(",")[2])
        if data.startswith(b"\x89PNG"):
            return _some(*struct.unpack_from(">II", data, 16))
        if data.startswith(b"GIF8"):
            return _some(*struct.unpack_from("<HH", data, 6))
        return _of_jpeg(data) if data.startswith(b"\xff\xd8") else None
    except (struct.error, binascii.Error):  # cut off; llama.cpp will say so
        return None


def _of_jpeg(data: bytes) -> Size | None:
    """Its frame says it: the segment of 0xC0 to 0xCF that is neither a table nor an extension."""
    at = 2
    for _ in range(_SEGMENTS):
        mark, kind, length = struct.unpack_from(">BBH", data, at)
        if mark != 0xFF:
            return None
        if kind == 0xFF:  # filling
            at += 1
            continue
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return _some(width, height)
        at += 2 + length
    return None


def _some(width: int, height: int) -> Size | None:
    return Size(width, height) if width and height else None


def _number(header: Header, key: str) -> int:
    return max(0, header.number(f"vision.{key}") or 0)  # the architecture of a projector is `clip`


def _f32(number: float) -> float:
    narrow: float = struct.unpack("f", struct.pack("f", number))[0]
    return narrow
