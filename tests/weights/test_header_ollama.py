"""What an Ollama tells of a model becomes the header that its file has."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dunoe.engines.ollama import OllamaEngine
from dunoe.engines.request import Json
from dunoe.errors import EngineFailed
from dunoe.portfolio.model import Model
from dunoe.settings import EngineSettings, ModelSettings, TimeoutSettings
from dunoe.weights.header import Header, read_header
from dunoe.weights.remote_ollama import shown_header
from tests.fake_engine import FakeEngine
from tests.fake_ollama import Ollama
from tests.fake_wire import Answer, Seen, Turn
from tests.served import served

MakeModel = Callable[..., Path]

# The answer of an Ollama 0.33, shortened; its numbers are JSON's, so 10000.0 has become 10000.
MODEL_INFO: Json = {
    "general.architecture": "gemma3",
    "general.parameter_count": 1024,
    "gemma3.attention.sliding_window": 512,
    "gemma3.block_count": 2,
    "gemma3.rope.freq_base": 10000,
    "tokenizer.ggml.add_bos_token": True,
    "tokenizer.ggml.merges": None,
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.scores": [],
    "tokenizer.ggml.tokens": ["<unk>", "안", "녕"],
}
TENSORS: list[Json] = [
    {"name": "token_embd.weight", "type": "Q4_K", "shape": [256, 3]},
    {"name": "output_norm.weight", "type": "F32", "shape": [25]},
    {"name": "blk.0.ffn_up.weight", "type": "unknown", "shape": [256, 2]},
]
SHOWN: Json = {
    "template": "{{ range .Messages }}{{ .Content }} messages{{ end }}",
    "model_info": MODEL_INFO,
    "tensors": TENSORS,
}


async def told(url: str, name: str, *, verbose: bool) -> Header:
    engine = OllamaEngine("box", EngineSettings(kind="ollama", url=url), TimeoutSettings())
    model = Model(name, "box", name, ModelSettings(engine="box", name=name), slots=1)
    try:
        return shown_header(await engine.show(model, verbose=verbose), name)
    finally:
        await engine.aclose()


@pytest.mark.anyio
async def test_our_own_face_tells_the_whole_header(make_model: MakeModel, tmp_path: Path) -> None:
    path = make_model(size=8192)
    async with served(tmp_path, f'[models.tiny]\nfile = "{path}"\n') as house:
        full = await told(house.url, "tiny", verbose=True)
        brief = await told(house.url, "tiny", verbose=False)
    file = read_header(path, arrays=True)
    unsaid = {"general.name": "Tiny 모델"}
    counted = {"general.parameter_count": file.parameter_count}
    assert {**full.metadata, **unsaid} == {**file.metadata, **counted}
    assert full.tensors == brief.tensors == file.tensors
    assert full.chat_template == "{{ messages[0].content }}"
    assert (full.vocabulary_size, brief.vocabulary_size) == (2000, None)


class Talkative(Ollama):
    """An Ollama that tells one thing of every model."""

    def _show(self, seen: Seen, turn: Turn) -> Answer:
        return Answer(body=SHOWN)


@pytest.mark.anyio
async def test_an_ollama_tells_what_it_knows() -> None:
    async with FakeEngine("ollama", (), face=Talkative()) as fake:
        header = await told(fake.url, "tiny", verbose=True)
        (seen,) = fake.at("/api/show")
        assert seen.body["verbose"] is True
    assert (header.architecture, header.block_count) == ("gemma3", 2)
    assert header.number("attention.sliding_window") == 512
    assert header.metadata["tokenizer.ggml.tokens"] == ("<unk>", "안", "녕")
    assert header.metadata["tokenizer.ggml.add_bos_token"] is True
    assert not {"tokenizer.ggml.merges", "tokenizer.ggml.scores"} & set(header.metadata)
    assert header.chat_template is None  # Ollama's own language, not the model's
    assert [(t.type, t.offset, t.size) for t in header.tensors] == [
        ("Q4_K", 0, 432),
        ("F32", 448, 100),
        ("unknown", 576, 0),
    ]
    assert header.file_size == 0


def test_a_model_in_the_cloud_has_no_tensors() -> None:
    cloud = {"model_info": {"general.architecture": "glm", "glm.context_length": 200000}}
    header = shown_header(cloud, "glm")
    assert (header.context_length, header.tensors) == (200000, ())


def set_in(shown: Any, path: tuple[str | int, ...], value: Any) -> None:  # Any: JSON
    for step in path[:-1]:
        shown = shown[step]
    shown[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("model_info",), None),
        (("model_info",), ["general.architecture"]),
        (("model_info", "general.architecture"), None),
        (("model_info", "general.architecture"), 7),
        (("model_info", "general.architecture"), ""),
        (("model_info", "gemma3.block_count"), 2**32 - 1),
        (("model_info", "gemma3.block_count"), -1),
        (("model_info", "tokenizer.ggml.tokens"), {"0": "가"}),
        (("model_info", "tokenizer.ggml.tokens"), ["가", None]),
        (("model_info", "tokenizer.ggml.tokens"), [["가"]]),
        (("tensors",), "many"),
        (("tensors",), {"name": "a"}),
        (("tensors", 0), "token_embd.weight"),
        (("tensors", 0, "name"), 7),
        (("tensors", 0, "name"), "output_norm.weight"),
        (("tensors", 0, "type"), None),
        (("tensors", 0, "shape"), None),
        (("tensors", 0, "shape"), [1.5]),
        (("tensors", 0, "shape"), [True]),
        (("tensors", 0, "shape"), ["3"]),
        (("tensors", 0, "shape"), [-256, 3]),
        (("tensors", 0, "shape"), [255]),
        (("tensors", 0, "shape"), [2**62, 2**62]),
        (("tensors", 0, "shape"), [256, 1, 1, 1, 1]),
    ],
)
def test_nonsense_is_refused_in_two_lines(
    path: tuple[str | int, ...], value: Any
) -> None:  # Any: JSON
    shown = copy.deepcopy(SHOWN)
    set_in(shown, path, value)
    with pytest.raises(EngineFailed) as caught:
        shown_header(shown, "gemma3")
    assert "gemma3" in caught.value.message.ko
    assert caught.value.hint.ko
