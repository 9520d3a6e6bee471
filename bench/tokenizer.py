"""How quickly texts become token ids: built from a GGUF file, from its folder, and MB of Korean a second.

    .venv/bin/python -m bench.tokenizer VOCABULARY.gguf... --text FILE

Times are this process's own seconds on one core.
`new`: every word is met for the first time; `warm`: the same text again.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dunoe.weights.tokenizer import Tokenizer

LENGTH = 2000  # letters of one text


def seconds(work: Callable[[], object]) -> float:
    """The processor time that it took."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Print a line for each vocabulary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vocabularies", nargs="+", type=Path)
    parser.add_argument("--text", type=Path, required=True)
    asked = parser.parse_args()
    text = asked.text.read_text("utf-8")
    texts = [text[at : at + LENGTH] for at in range(0, len(text), LENGTH)]
    size = len(text.encode()) / 1e6
    print(f"{'vocabulary':32} {'built s':>8} {'kept s':>8} {'new MB/s':>9} {'warm MB/s':>10}")
    for path in asked.vocabularies:
        with tempfile.TemporaryDirectory() as folder:
            built = seconds(lambda: Tokenizer.of(path, Path(folder)))  # noqa: B023 - called at once
            kept = seconds(lambda: Tokenizer.of(path, Path(folder)).encode("두뇌"))  # noqa: B023
            known = Tokenizer.of(path, Path(folder))
            new = seconds(lambda: [known.count(part) for part in texts])  # noqa: B023
            warm = seconds(lambda: [known.count(part) for part in texts])  # noqa: B023
        print(f"{path.stem:32} {built:8.2f} {kept:8.3f} {size / new:9.1f} {size / warm:10.1f}")


if __name__ == "__main__":
    main()
