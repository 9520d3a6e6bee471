"""Pictures are as long as llama.cpp makes them, whatever their shape and kind, and told before they are looked at."""

import base64
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from dunoe.engines.events import Usage
from dunoe.engines.llama import LlamaEngine
from dunoe.engines.llama_pictures import Eye, Size, size_of
from dunoe.engines.request import Counting, Generation, Json
from dunoe.portfolio.model import Model
from dunoe.settings import LLAMA, ModelSettings, TimeoutSettings
from tests import tiny

SHAPES = [(20, 20), (56, 56), (300, 100), (100, 333), (29, 1500), (1, 300), (900, 701)]


def part(data: bytes) -> Json:
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    return {"type": "image_url", "image_url": {"url": url}}


def png(width: int, height: int) -> bytes:
    """One colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = zlib.compress((b"\0" + b"abc" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*one) for one in ((b"IHDR", head), (b"IDAT", lines), (b"IEND", b""))
    )


def asked(*pictures: Json) -> Generation:
    first, last = {"type": "text", "text": "무엇이 "}, {"type": "text", "text": "보여?"}
    message = {"role": "user", "content": [first, *pictures, last]}
    return Generation("chat", messages=[message], options={"max_tokens": 1})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("mlp", {}),
        ("gemma3", {"projector.scale_factor": 2}),
        ("qwen2vl_merger", {}),
        ("qwen2.5vl_merger", {"n_wa_pattern": 8}),
        ("qwen3vl_merger", {"spatial_merge_size": 2}),
        ("qwen3vl_merger", {"image_min_pixels": 20_000, "image_max_pixels": 50_000}),
    ],
)
async def test_pictures_are_counted_as_the_engine_reads_them(
    tmp_path: Path, tiny_chat: Path, kind: str, says: Mapping[str, int]
) -> None:
    seeing = tiny.projector(tmp_path / "seeing.gguf", kind, says)
    settings = ModelSettings(file=tiny_chat, projector=seeing, context=8192, threads=1)
    model = Model("seeing", LLAMA, "seeing", settings, slots=1)
    questions = [asked(part(png(*shape))) for shape in SHAPES]
    questions.append(asked(part(png(60, 60)), part(png(200, 90))))
    engine = LlamaEngine(TimeoutSettings())
    try:
        counted = [await engine.measure(model, one) for one in questions]
        told = (await engine.count(model, Counting(messages=questions[0].messages))).count
        await engine.load(model)
        read = [
            event.prompt_tokens
            for one in questions
            async for batch in engine.generate(model, one)
            for event in batch
            if isinstance(event, Usage)
        ]
    finally:
        await engine.aclose()

    assert counted == read
    assert told == read[0]


@pytest.mark.anyio
async def test_pictures_of_a_kind_that_we_do_not_count_are_left_to_the_engine(
    tmp_path: Path, tiny_chat: Path
) -> None:
    tiles = tiny.projector(tmp_path / "tiles.gguf", "idefics3")
    settings = ModelSettings(file=tiny_chat, projector=tiles)
    engine = LlamaEngine(TimeoutSettings())
    model = Model("tiles", LLAMA, "tiles", settings, slots=1)

    assert await engine.measure(model, asked(part(png(9, 9)))) is None
    assert await engine.measure(model, asked()) is not None


def test_a_picture_of_many_pixels_is_made_smaller(tmp_path: Path) -> None:
    """A photograph of a telephone: 3024 by 4032, as many tokens as llama.cpp allows and its shape leaves."""
    eye = Eye.of(tiny.projector(tmp_path / "seeing.gguf", "qwen2vl_merger"))
    assert eye is not None

    assert eye.tokens(part(png(1, 1)[:16] + struct.pack(">II", 3024, 4032))) == 55 * 73


@pytest.mark.parametrize(
    "nonsense",
    [
        {"image_max_pixels": -5},
        {"patch_size": -14},
        {"patch_size": 2**31, "spatial_merge_size": 2**32 - 1},
    ],
)
def test_nonsense_in_a_projector_breaks_nothing(
    tmp_path: Path, nonsense: Mapping[str, int]
) -> None:
    eye = Eye.of(tiny.projector(tmp_path / "odd.gguf", "qwen2vl_merger", nonsense))

    assert eye is None or eye.tokens(part(png(300, 1))) is not None


def test_sizes_are_read_off_what_llama_cpp_reads() -> None:
    frame = b"\xff\xc2\x00\x11\x08" + struct.pack(">HH", 30, 40)
    jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc4\x00\x03x" + frame
    assert size_of(part(jpeg)) == size_of(part(png(40, 30))) == Size(40, 30)
    assert size_of(part(b"GIF89a" + struct.pack("<HH", 40, 30))) == Size(40, 30)
    endless = b"\xff\xd8" + b"\xff" * 5000 + frame
    for nothing in (
        endless,
        jpeg[:-3],
        b"",
        b"RIFF",
        b"\xff\xd8\x00\x00\x00\x00",
        png(40, 30)[:18],
    ):
        assert size_of(part(nothing)) is None
