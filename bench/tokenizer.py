"""How quickly texts become token ids: built from a GGUF file, from its folder, and MB of Korean a second.

    .venv/bin/python -m bench.tokenizer VOCABULARY.gguf... --text FILE... [--warm FILE...]

Times are this process's own seconds on one core. A FILE is text, JSON lines (their `text`), or a folder of Markdown.
`new`: the first text, by a tokenizer that has seen none. `again`: the same text once more.
`warm`: each text by a tokenizer that has read 5 MB of others: the files of --warm, or the other texts.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dunoe.weights.tokenizing.tokenizer import Tokenizer

LENGTH = 2000  # letters of one text
ENOUGH = 5_000_000  # bytes that warm a tokenizer


def seconds(work: Callable[[], object]) -> float:
    """The processor time that it took."""
    start = time.process_time()
    work()
    return time.process_time() - start


def read(path: Path) -> str:
    """The words of a file or folder, 5 MB at most."""
    if path.is_dir():
        whole = "\n".join(page.read_text("utf-8") for page in sorted(path.rglob("*.md")))
    else:
        whole = path.read_text("utf-8")
        if path.suffix == ".jsonl":
            whole = "\n".join(json.loads(line)["text"] for line in whole.split("\n") if line)
    return whole.encode()[:ENOUGH].decode("utf-8", "ignore")


def speed(known: Tokenizer, text: str) -> float:
    """MB a second."""
    texts = [text[at : at + LENGTH] for at in range(0, len(text), LENGTH)]
    return len(text.encode()) / 1e6 / seconds(lambda: [known.count(part) for part in texts])


def warmed(known: Tokenizer, others: list[str]) -> Tokenizer:
    """The tokenizer after 5 MB, as much of each text as it takes."""
    for other in others:
        speed(known, other.encode()[: ENOUGH // len(others)].decode("utf-8", "ignore"))
    return known


def main() -> None:
    """Print a line for each vocabulary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vocabularies", nargs="+", type=Path)
    parser.add_argument("--text", nargs="+", type=Path, required=True)
    parser.add_argument("--warm", nargs="*", type=Path, default=[])
    asked = parser.parse_args()
    texts = {path: read(path) for path in asked.text + asked.warm}
    names = [(path.parent if path.stem == "corpus" else path).stem[:12] for path in asked.text]
    print(f"{'MB/s':24} {'built s':>8} {'kept s':>7} {'new':>5} {'again':>5} ", end="")
    print("warm:", *(f"{name:>12}" for name in names))
    for path in asked.vocabularies:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            built = seconds(lambda: Tokenizer.of(path, place))  # noqa: B023 - called at once
            kept = seconds(lambda: Tokenizer.of(path, place).encode("두뇌"))  # noqa: B023 - as above
            known = Tokenizer.of(path, place)
            new, again = (speed(known, texts[asked.text[0]]) for _ in range(2))
            warm = []
            for text in asked.text:
                others = [other for other in asked.warm or asked.text if other != text]
                reader = warmed(Tokenizer.of(path, place), [texts[other] for other in others])
                warm.append(speed(reader, texts[text]))
        print(f"{path.stem:24} {built:8.2f} {kept:7.3f} {new:5.1f} {again:5.1f} ", end="")
        print("     ", *(f"{one:12.1f}" for one in warm), flush=True)


if __name__ == "__main__":
    main()
