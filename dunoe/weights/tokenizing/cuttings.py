r"""Where llama.cpp cuts a text before it looks for tokens: one table, a row for each kind of cutting.

A row is a list of steps, each cutting the pieces of the one before. The patterns are llama.cpp's own (facts, not
code), in its dialect: `\p{L}` and its kin mean categories, `\s` means Unicode space, `\d` means 0 to 9, and
what lies between two matches is a piece, too.
"""

from dataclasses import dataclass

_CONTRACTION = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_LINES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s"
_LLAMA3 = _CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + _LINES
_QWEN2 = _CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + _LINES
_DEEPSEEK3 = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
    r"| ?[\p{P}\p{S}]+[\r\n]*|" + _LINES
)
_JA_ZH = r"[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
# From U+0800 to U+9FA5 without spaces: llama.cpp hides those from such patterns.
_OLD_CJK = (
    r"[\u0800-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff\u3001-\u9fa5"
    r"\uac00-\ud7ff]+"
)
_CASED = (
    r"A-Za-z\xb5\xc0-\xd6\xd8-\xf6\xf8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af"
    r"\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1"
    r"\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5"
    r"\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a"
    r"\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d"
    r"\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3"
    r"\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115"
    r"\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f"
    r"\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3"
    r"\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf"
    r"\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a"
)
_CASED_ASTRAL = (
    "10400-1044f 104b0-104d3 104d8-104fb 10c80-10cb2 10cc0-10cf2 118a0-118df 1e900-1e943"
)
_AFMOE_SCRIPTS = (
    r"[\u4e00-\u9fff\u3400-\u4dbf\u8c48-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf"
    r"\u0e40-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af"
    r"\u1100-\u11ff]+"
)
_SENTENCE_ENDS = r" ?[^(\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"


def _camel(upper: str, lower: str, end: str = "", numbers: str = r"\p{N}{1,3}") -> str:
    """Words cut where small letters go over into capitals: gpt-4o and its kin."""
    head = r"[^\r\n\p{L}\p{N}]?"
    return (
        f"{head}{upper}*{lower}+{end}|{head}{upper}+{lower}*{end}"
        rf"|{numbers}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|" + _LINES
    )


# Not Unicode's: U is a letter other than a-z, W one other than A-Z, H one other than Chinese.
_PLAIN = (r"\p{U}", r"\p{W}")
_MARKED = (r"[\p{U}\p{M}]", r"[\p{W}\p{M}]")
_ANY_WORDS = (
    rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+{_CONTRACTION}?"
    r"|%s| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + _LINES
)
_HAN_ASTRAL = "20000-2a6df 2a700-2b73f 2b740-2b81f 2b820-2ceaf 2ceb0-2ebef 2f800-2fa1f"
_KIMI = (
    r"[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff]+"
    rf"|[^\r\n\p{{L}}\p{{N}}]?\p{{H}}+{_CONTRACTION}?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + _LINES
)


@dataclass(frozen=True)
class Cutting:
    """One row: steps are patterns, or the names of what no pattern says quickly.

    astral: code points above U+FFFF that a pattern names, and a letter below that it names with them.
    until_words: after so many steps the pieces are words that come again; the others are taken for new ones, many
    in a row with half a surrogate between them.
    """

    steps: tuple[str, ...]
    astral: tuple[str, str] = ("", "")
    until_words: int = 9


DIGITS_IN_THREES = "threes"
NUMBERS_IN_THREES = "number threes"

CUTTINGS = {
    "default": Cutting(
        (r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", "[0-9][0-9][0-9]"), until_words=2
    ),
    "gpt2": Cutting((_GPT2,)),
    "llama3": Cutting((_LLAMA3,)),
    "qwen2": Cutting((_QWEN2,)),
    "qwen35": Cutting(
        (
            _CONTRACTION + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
            r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + _LINES,
        )
    ),
    "jais2": Cutting(
        (
            _LLAMA3.removesuffix(r"\s+(?!\S)|\s+")
            + "".join(rf"\s{{{n}}}(?!\S)|" for n in (512, 256, 128, 64, 32, 16, 8, 4))
            + r"\s{1,2}(?!\S)|\s{1}",
        )
    ),
    "deepseek-llm": Cutting(
        (
            r"[\r\n]",
            rf"\s?[{_CASED}]+",
            r"\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3001-\u3002]+",
            r"\s+\Z",
            _OLD_CJK,
            r"\p{N}+",
        ),
        (_CASED_ASTRAL, "µ"),
        until_words=4,
    ),
    "deepseek-coder": Cutting(
        (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _OLD_CJK, r"\p{N}"), until_words=2
    ),
    "deepseek3": Cutting((r"\p{N}{1,3}", _JA_ZH, _DEEPSEEK3)),
    "spark": Cutting(
        (
            r"\p{N}{1,3}",
            _JA_ZH,
            _DEEPSEEK3.replace(r"[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+", r"[\p{P}\p{S}]+|[\r\n]"),
            r"\p{N}",
        )
    ),
    "youtu": Cutting(
        (
            r"[\uac00-\ud7a3\u3131-\u318e]+"
            r"|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c\u3001-\u303f\ufe30-\ufe4f]+"
            r"|[\u3105-\u312f]+|[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
            _ANY_WORDS % r"\p{N}",
        )
    ),
    "falcon": Cutting((r"[\p{P}\$\+<=>\^~\|`]+", _GPT2, "[0-9][0-9][0-9]"), until_words=2),
    "starcoder": Cutting((r"\p{N}", _GPT2)),
    "bloom": Cutting((_SENTENCE_ENDS,)),
    "viking": Cutting((_SENTENCE_ENDS, r"\p{N}"), until_words=1),
    "tekken": Cutting((_camel(*_PLAIN, numbers=r"\p{N}"),)),
    "gpt-4o": Cutting((_camel(*_PLAIN, _CONTRACTION + "?"),)),
    "granite-multi": Cutting((_camel(*_MARKED, _CONTRACTION + "?"),)),
    "chameleon": Cutting(
        (
            "<sentinel:[0-9]+>",
            "(?:IMGIMG)(?:(?:A|B|C|D|E|F|G|H|I){1,4})Z",
            r"(?:[\t\n]|    |  )",
            r"\p{N}",
            r"[\p{P}!-/:-@\[-`{-~]",
            _GPT2,
        )
    ),
    "tiny-aya": Cutting((NUMBERS_IN_THREES, _ANY_WORDS % r"\p{N}{1,3}")),
    "kimi": Cutting((_KIMI,), (_HAN_ASTRAL, "一")),
    "superbpe": Cutting((r"\p{N}+", DIGITS_IN_THREES)),
    "bailing": Cutting(
        (
            r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
            r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
        )
    ),
    "seed": Cutting(
        (_CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|" + _LINES,)
    ),
    "ufakzeka": Cutting((_QWEN2.removeprefix(_CONTRACTION + "|"),)),
    "afmoe": Cutting((NUMBERS_IN_THREES, _AFMOE_SCRIPTS, _DEEPSEEK3)),
    "laguna": Cutting((r"[^\n]+|[\n]+", _QWEN2)),
    "exaone-moe": Cutting(
        (
            _CONTRACTION + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}"
            r"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+",
        )
    ),
    "lines": Cutting((r"[^\n]+|[\n]+",)),
    "minicpm5": Cutting((r"\p{N}{1,3}", _QWEN2.replace(r"\p{N}|", r"\p{N}+|"))),
}


@dataclass(frozen=True)
class Pre:
    """What a value of `tokenizer.ggml.pre` means: a row of `CUTTINGS` and llama.cpp's flags.

    whole_words: a piece that is a token is taken whole, before any merge.
    spaced: spaces are written `▁` and letters as they are; other vocabularies spell bytes.
    """

    cutting: str
    whole_words: bool = False
    adds_bos: bool = False
    spaced: bool = False
    has_default_bos: bool = True


def _rows(*groups: tuple[str, Pre]) -> dict[str, Pre]:
    return {name: pre for names, pre in groups for name in names.split()}


PRES = _rows(
    ("default", Pre("default")),
    (
        "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
        Pre("llama3", whole_words=True, adds_bos=True),
    ),
    ("dbrx smaug-bpe", Pre("llama3")),
    ("glm4 chatglm-bpe", Pre("llama3", has_default_bos=False)),
    ("jais-2", Pre("jais2")),
    (
        "gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert "
        "jina-v1-en jina-v2-code roberta-bpe mpt olmo jais trillion granite-docling exaone4",
        Pre("gpt2"),
    ),
    ("starcoder refact command-r smollm codeshell exaone minerva-7b mellum2", Pre("starcoder")),
    ("falcon", Pre("falcon")),
    (
        "qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2",
        Pre("qwen2"),
    ),
    ("qwen35", Pre("qwen35")),
    ("deepseek-llm", Pre("deepseek-llm")),
    ("deepseek-coder", Pre("deepseek-coder")),
    ("deepseek-v3 hunyuan-dense joyai-llm hy_v4", Pre("deepseek3")),
    ("spark2_5", Pre("spark")),
    ("youtu", Pre("youtu", whole_words=True)),
    ("poro-chat bloom gpt3-finnish", Pre("bloom")),
    ("viking", Pre("viking")),
    ("tekken", Pre("tekken", whole_words=True, adds_bos=True)),
    ("chameleon", Pre("chameleon", adds_bos=True)),
    ("gpt-4o llama4 kanana2 talkie minimax-m2", Pre("gpt-4o")),
    ("granite-embed-multi-97m", Pre("granite-multi", whole_words=True)),
    ("tiny_aya cohere2moe", Pre("tiny-aya")),
    ("kimi-k2", Pre("kimi")),
    ("superbpe", Pre("superbpe")),
    ("bailingmoe bailingmoe2 llada-moe", Pre("bailing")),
    ("seed-coder", Pre("seed")),
    ("ufakzeka", Pre("ufakzeka")),
    ("afmoe", Pre("afmoe")),
    ("laguna", Pre("laguna")),
    ("exaone-moe", Pre("exaone-moe")),
    ("minicpm5", Pre("minicpm5", whole_words=True)),
    ("gemma4 granite-embed-multi-311m", Pre("lines", adds_bos=True, spaced=True)),
    ("sarvam-moe", Pre("lines", spaced=True)),
)
