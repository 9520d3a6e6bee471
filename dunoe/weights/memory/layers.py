"""What each layer of a model keeps between two tokens: keys and values, a window of them, or a state.

Read from the header alone. The tensor table says which layers attend and which carry a state; the numbers come
from the metadata; where older files leave the window's pattern out, it is what llama.cpp knows of the family.
"""

from dataclasses import dataclass

from dunoe.errors import Text
from dunoe.weights.header import BadModelFile, Header

LAYER_LIMIT = 512  # llama.cpp takes no more

# Every n-th layer sees everything, the others a window; 0: what the file says, or all of them a window.
WINDOW_EVERY = {
    "afmoe": 4, "cohere2": 4, "cohere2moe": 4, "exaone-moe": 4, "exaone4": 4, "gemma-embedding": 6,
    "gemma-embedding2": 6, "gemma2": 2, "gemma3": 6, "gemma3n": 5, "gpt-oss": 2, "laguna": 4,
    "llama4": 4, "mellum": 4, "modern-bert": 3, "muse-glimmer": 4, "olmo2": 4, "plamo3": 8,
    "smallthinker": 4,
}  # fmt: skip
# Of these the first of n sees everything, not the last.
FULL_FIRST = {"cohere2moe", "laguna", "modern-bert", "smallthinker"}
NO_WINDOW = {"phi3", "qwen2", "qwen2vl", "qwen3", "llama", "phimoe"}  # named in the file, not used
WINDOWS = {"llama4": 8192, "gemma2": 4096}  # where the file names none
WINDOWED_LAYERS = {"exaone4": 64}  # of a family, only the model with so many layers has windows
OWN_CACHES = {"gemma3n": 20}  # later layers read those of earlier ones, whatever the file says
TEXT_WITHOUT_CACHE = {  # they read a text at once and keep nothing
    "bert", "dream", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3", "llada",
    "llada-moe", "modern-bert", "neo-bert", "nomic-bert", "nomic-bert-moe", "rnd1",
}  # fmt: skip
AT_ONCE = TEXT_WITHOUT_CACHE | {
    "llama-embed",
    "t5encoder",
}  # these are given a cache nobody looks at
# Held against real loads, within 3 % of what llama.cpp logs; of all others the reckoning is rough.
COMPARED = {
    "bailingmoe2", "bert", "bloom", "chatglm", "cohere2", "command-r", "dbrx", "deepseek", "deepseek2",
    "ernie4_5", "ernie4_5-moe", "eurobert", "exaone", "exaone-moe", "exaone4", "falcon", "falcon-h1", "gemma",
    "gemma-embedding", "gemma2", "gemma3", "gemma3n", "gemma4", "glm4", "glm4moe", "gpt-oss", "gpt2",
    "gptneox", "granite", "granitehybrid", "granitemoe", "hunyuan-dense", "hunyuan-moe", "internlm2", "jamba",
    "jina-bert-v3", "lfm2", "lfm2moe", "llama", "llama-embed", "llama4", "mamba", "mamba2", "minicpm",
    "minicpm3", "mistral3", "modern-bert", "mpt", "nemotron", "neo-bert", "nomic-bert", "nomic-bert-moe",
    "olmo", "olmo2", "olmoe", "openelm", "phi2", "phi3", "phimoe", "plamo", "plamo3", "qwen2", "qwen2moe",
    "qwen3", "qwen35", "qwen35moe", "qwen3moe", "qwen3next", "qwen3vl", "qwen3vlmoe", "seed_oss", "smollm3",
    "stablelm", "starcoder2",
}  # fmt: skip
WITHOUT_OUTPUT = {  # what they say is a vector: no table of tokens is needed at the end
    "bert", "eurobert", "jina-bert-v2", "jina-bert-v3", "modern-bert", "neo-bert", "nomic-bert",
    "nomic-bert-moe",
}  # fmt: skip
ENCODERS = WITHOUT_OUTPUT | {"gemma-embedding", "llama-embed", "t5encoder"}  # they write nothing


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. keys, values: numbers per token. shift, state: float32 numbers per answer at once."""

    heads: int = 0
    keys: int = 0
    values: int = 0
    is_windowed: bool = False
    shift: int = 0
    state: int = 0


def layers(header: Header) -> tuple[Layer, ...]:
    """The layers that are run, first to last; raises `BadModelFile` where the file does not say how many."""
    count, reading = layer_count(header), _Reading(header)  # in this order: a count may be absurd
    return tuple(reading.layer(index) for index in range(count))


def layer_count(header: Header) -> int:
    """Layers that are run: those that guess further tokens (MTP) are left out, as llama.cpp leaves them."""
    count, guessing = header.block_count, header.number("nextn_predict_layers") or 0
    if count is None or not 0 <= guessing < count <= LAYER_LIMIT:
        raise BadModelFile(
            Text(
                f"모델의 층 수를 알 수 없습니다 (block_count = {count})",
                f"the model does not say how many layers it has (block_count = {count})",
            ),
            Text("온전한 모델 파일을 고르세요.", "choose a whole model file."),
        )
    return count - guessing


def head_sizes(header: Header) -> set[int]:
    """Numbers of one head's key or value, of any layer."""
    count, reading = layer_count(header), _Reading(header)
    return {
        reading.dimension(which, index, is_windowed)
        for index, is_windowed in enumerate(reading.pattern[:count])
        for which in ("key", "value")
    }


def window(header: Header) -> int:
    """Tokens that a windowed layer sees; 0 where no layer is windowed."""
    if header.architecture in NO_WINDOW:
        return 0
    needed = WINDOWED_LAYERS.get(header.architecture)
    if needed is not None and header.block_count != needed:
        return 0
    said = header.number("attention.sliding_window")
    return max(said or 0, 0) if said is not None else WINDOWS.get(header.architecture, 0)


def each(header: Header, key: str, default: int = 0) -> list[int]:
    """A number of every layer, whether the file names one for all or one for each."""
    count = header.block_count or 0
    value = header.metadata.get(f"{header.architecture}.{key}")
    if isinstance(value, tuple):
        listed = [one if isinstance(one, int) else default for one in value[:count]]
        return listed + [default] * (count - len(listed))
    return [value if isinstance(value, int) else default] * count


class _Reading:
    """The numbers of one header that all layers share."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.names = {tensor.name for tensor in header.tensors}
        self.heads = each(header, "attention.head_count")
        kv = header.metadata.get(f"{header.architecture}.attention.head_count_kv")
        self.kv_heads = self.heads if kv is None else each(header, "attention.head_count_kv")
        self.pattern = self._pattern()
        shared = header.number("attention.shared_kv_layers") or 0
        self.owned = OWN_CACHES.get(header.architecture, (header.block_count or 0) - shared)

    def layer(self, index: int) -> Layer:
        shift, state = self._state() if self._carries_state(index) else (0, 0)
        is_windowed = self.pattern[index]
        keys = values = 0
        if self._attends(index) and index < self.owned:
            keys = self.kv_heads[index] * self.dimension("key", index, is_windowed)
            values = self.kv_heads[index] * self.dimension("value", index, is_windowed)
        if self.header.number("attention.key_length_mla"):
            values = 0  # they are a part of the keys
        return Layer(self.heads[index], keys, values, is_windowed, shift, state)

    def _attends(self, index: int) -> bool:
        if self.header.architecture in TEXT_WITHOUT_CACHE:
            return False
        prefix = f"blk.{index}."
        if not any(name.startswith(prefix) for name in self.names):
            return not self._carries_state(index)
        parts = ("attn_k", "attn_kv_a_mqa", "attn_output")
        is_attention = any(f"{prefix}{part}.weight" in self.names for part in parts)
        return is_attention or (
            f"{prefix}attn_qkv.weight" in self.names and not self._carries_state(index)
        )

    def _carries_state(self, index: int) -> bool:
        prefix = f"blk.{index}."
        marks = (f"{prefix}ssm_conv1d", f"{prefix}shortconv.", f"{prefix}time_mix_")
        return any(name.startswith(marks) for name in self.names)

    def _state(self) -> tuple[int, int]:
        """Numbers of the last inputs, numbers of the memory."""
        number, width = self.header.number, self.header.embedding_length or 0
        if (size := number("wkv.head_size")) is not None:
            shifts = number("token_shift_count")
            return (2 if shifts is None else shifts) * width, width * size
        if (reach := number("shortconv.l_cache")) is not None:
            return width * (reach - 1), 0
        kernel = max((number("ssm.conv_kernel") or 0) - 1, 0)
        if (head := number("kda.head_dim")) is not None:
            return 3 * kernel * self.heads[0] * head, head * head * self.heads[0]
        inner, state = number("ssm.inner_size") or 0, number("ssm.state_size") or 0
        groups = number("ssm.group_count") or 0
        return kernel * (inner + 2 * groups * state), state * inner

    def dimension(self, which: str, index: int, is_windowed: bool) -> int:
        if is_windowed and (short := self.header.number(f"attention.{which}_length_swa")):
            return short
        said = self.header.number(f"attention.{which}_length")
        if said is not None:
            return said
        heads = self.heads[index] or max(self.heads, default=0)
        return (self.header.embedding_length or 0) // heads if heads else 0

    def _pattern(self) -> list[bool]:
        count = self.header.block_count or 0
        if not window(self.header):
            return [False] * count
        key = "attention.sliding_window_pattern"
        said = self.header.metadata.get(f"{self.header.architecture}.{key}")
        if isinstance(said, tuple):
            return [bool(one) for one in each(self.header, key)]
        every = said if isinstance(said, int) else WINDOW_EVERY.get(self.header.architecture, 0)
        if every <= 0:
            return [True] * count
        full = 0 if self.header.architecture in FULL_FIRST else every - 1
        return [index % every != full for index in range(count)]
