"""How long a query and a document are together, as llama.cpp's server puts them before a model that reranks."""

from collections.abc import Sequence
from dataclasses import dataclass

from dunoe.weights.header import Header
from dunoe.weights.tokenizing.tokenizer import Tokenizer

_SEPARATING = ("jina-v1-en", "jina-v2-code", "roberta-bpe")  # of BPE; of the others, WordPiece


@dataclass(frozen=True, slots=True)
class Pairs:
    """The file's own form where it has one (Qwen3's rerankers), else the two texts between marks.

    form: text with {query} and {document} in it. marks: tokens around the two texts.
    """

    tokenizer: Tokenizer
    form: str | None
    marks: int

    @classmethod
    def of(cls, header: Header, tokenizer: Tokenizer) -> "Pairs":
        """What a file says of it: begin, query, end, separator, document, end, each where its flag is set."""
        vocabulary = tokenizer.vocabulary
        separates = header.metadata.get("tokenizer.ggml.add_sep_token")
        if not isinstance(separates, bool):
            is_bpe = vocabulary.family == "bpe" and header.vocabulary_pre in _SEPARATING
            separates = is_bpe or vocabulary.family == "wordpiece"
        marks = vocabulary.flags["bos"] + 2 * vocabulary.flags["eos"] + separates
        return cls(tokenizer, header.text("tokenizer.chat_template.rerank"), marks)

    def lengths(self, query: str, documents: Sequence[str]) -> list[int]:
        """Tokens of each document, the query and the marks among them."""
        if self.form is not None:
            asked = self.form.replace("{query}", query)
            texts = (asked.replace("{document}", document) for document in documents)
            return [self.tokenizer.count(text, parse_special=True) for text in texts]
        around = self.marks + self.tokenizer.count(query)
        return [around + self.tokenizer.count(document) for document in documents]
