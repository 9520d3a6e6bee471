"""A million spoiled headers: each is read or refused in words, quickly and in little memory.

    python -m bench.fuzz_header --count 1000000 --processes 2
    python -m bench.fuzz_header --only 4711        # one case again, with its traceback

The seeds are real: the vocabularies under shared/data/vocab, shortened so that a case takes a fraction of a
millisecond, with and without a table of tensors, and some of them whole. A case spoils one of them, mostly by field
(a length, a count, a type, a shape, an offset, an entry twice), else by byte, and reads it from a file that is here,
or half here.
"""

import argparse
import os
import random
import resource
import signal
import struct
import sys
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from types import FrameType

from dunoe.errors import EngineFailed
from dunoe.weights.gguf_bytes import BadModelFile, GoesOn, HeaderBytes, Skipped
from dunoe.weights.header import Header, header_of, joined, whole
from dunoe.weights.remote_ollama import shown_header

SHARED = Path(os.environ.get("DUNOE_SHARED", Path(__file__).parents[2] / "shared"))
KEPT = 6  # elements of an array in a shortened seed
WHOLE_EVERY = 2000  # cases: one of them is a whole file
MEMORY_EVERY = 20  # cases: one of them is watched by tracemalloc
PATIENCE_S = 20  # of the processor; a case that takes longer hangs
BLOCK = 5000  # cases that a process takes at once
NUMBERS = [
    0,
    1,
    2,
    7,
    31,
    33,
    255,
    1025,
    2**16,
    2**22,
    2**22 + 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**53,
]
NUMBERS += [2**60, 2**62, 2**63 - 1, 2**63, 2**64 - 32, 2**64 - 1]
TEXTS = [
    b"",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\0",
    "두뇌".encode(),
    b"general.alignment",
    b"split.no",
    b"A" * 70000,
]
WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

Atom = tuple[str, bytes]  # what it is: number, text or kind; its bytes
Entry = list[Atom]


@dataclass
class Seed:
    """A header in pieces. The counts of tensors and keys are written when it is put together."""

    keys: list[Entry] = field(default_factory=list)
    tensors: list[Entry] = field(default_factory=list)

    def copy(self) -> "Seed":
        """One to be spoiled."""
        return Seed([list(one) for one in self.keys], [list(one) for one in self.tensors])

    def raw(self, counts: tuple[int, int] | None = None) -> bytes:
        """The file, with some data behind the header."""
        told = counts or (len(self.tensors), len(self.keys))
        entries = b"".join(data for entry in self.keys + self.tensors for _, data in entry)
        return b"GGUF" + struct.pack("<IQQ", 3, *told) + entries + bytes(512)


@dataclass
class Tally:
    """What became of the cases. worst_s (of the processor), worst_bytes: the number itself and the case."""

    read: int = 0
    refused: int = 0
    unfinished: int = 0
    worst_s: tuple[float, int] = (0.0, 0)
    worst_bytes: tuple[int, int] = (0, 0)
    resident: int = 0  # bytes that the process grew by
    broken: list[str] = field(default_factory=list)

    @property
    def cases(self) -> int:
        """All of them."""
        return self.read + self.refused + self.unfinished + len(self.broken)

    def add(self, other: "Tally") -> None:
        """Take in another process's."""
        self.read += other.read
        self.refused += other.refused
        self.unfinished += other.unfinished
        self.worst_s = max(self.worst_s, other.worst_s)
        self.worst_bytes = max(self.worst_bytes, other.worst_bytes)
        self.resident = max(self.resident, other.resident)
        self.broken += other.broken


def text(raw: bytes) -> list[Atom]:
    """A string: its length, its bytes."""
    return [("number", struct.pack("<Q", len(raw))), ("text", raw)]


def cut_up(path: Path, kept: int) -> Seed:
    """The keys of a real file, its arrays shortened. A reader of its own, that trusts the file."""
    raw, at = path.read_bytes(), 24

    def take(width: int) -> bytes:
        nonlocal at
        at += width
        return raw[at - width : at]

    def number(width: int) -> int:
        return int.from_bytes(take(width), "little")

    def value(kind: int) -> list[Atom]:
        return text(take(number(8))) if kind == 8 else [("number", take(WIDTHS[kind]))]

    seed = Seed()
    for _ in range(int.from_bytes(raw[16:24], "little")):
        entry = text(take(number(8)))
        kind = number(4)
        entry.append(("kind", struct.pack("<I", kind)))
        if kind != 9:
            seed.keys.append(entry + value(kind))
            continue
        inner, count = number(4), number(8)
        elements = [value(inner) for _ in range(count)][:kept]
        entry += [("kind", struct.pack("<I", inner)), ("number", struct.pack("<Q", len(elements)))]
        seed.keys.append(entry + [atom for element in elements for atom in element])
    return seed


def with_tensors(seed: Seed) -> Seed:
    """The same with a table of tensors of several types, and a number of layers."""
    found, offset = seed.copy(), 0
    name = next(e[4][1] for e in found.keys if e[1][1] == b"general.architecture").decode()
    layers = f"{name}.block_count".encode()
    found.keys = [entry for entry in found.keys if entry[1][1] != layers]
    found.keys.append(
        [*text(layers), ("kind", struct.pack("<I", 4)), ("number", struct.pack("<I", 2))]
    )
    for number, (kind, size, shape) in enumerate(
        [(0, 128, (32,)), (1, 128, (32, 2)), (12, 288, (256, 2)), (8, 68, (32, 2, 1, 1))] * 2
    ):
        entry = [*text(f"blk.{number}.ffn_up.weight".encode())]
        entry.append(("number", struct.pack("<I", len(shape))))
        entry += [("number", struct.pack("<Q", side)) for side in shape]
        entry += [("kind", struct.pack("<I", kind)), ("number", struct.pack("<Q", offset))]
        found.tensors.append(entry)
        offset += -(-size // 32) * 32
    return found


@cache
def seeds() -> tuple[list[Seed], list[bytes]]:
    """Shortened ones, and whole files."""
    paths = sorted((SHARED / "data" / "vocab").glob("*.gguf"))
    short = [cut_up(path, KEPT) for path in paths]
    return short + [with_tensors(seed) for seed in short], [path.read_bytes() for path in paths]


def spoil_fields(seed: Seed, random_: random.Random) -> bytes:
    """Spoiled where it has structure."""
    spoiled = seed.copy()
    for _ in range(random_.choice([1, 1, 1, 2, 5])):
        entries = random_.choice([spoiled.keys, spoiled.tensors]) or spoiled.keys
        if entries:
            _spoil_entry(entries, random_.randrange(len(entries)), random_)
    counts = None
    if random_.random() < 0.2:
        counts = (len(spoiled.tensors), len(spoiled.keys))
        wrong = random_.choice([*NUMBERS, counts[0] + 1, counts[1] + 1, counts[1] - 1])
        counts = random_.choice([(wrong, counts[1]), (counts[0], wrong)])
        counts = (max(counts[0], 0), max(counts[1], 0))
    return spoiled.raw(counts)


def _spoil_entry(entries: list[Entry], at: int, random_: random.Random) -> None:
    entry = entries[at]
    match random_.randrange(8):
        case 0:
            entries.append(list(entry))  # stands twice
        case 1:
            del entries[at]
        case 2:
            entries[at], entries[0] = entries[0], entries[at]
        case 3:
            del entry[random_.randrange(len(entry))]
        case 4:  # an array in an array
            entry += [("kind", struct.pack("<I", 9)), ("number", struct.pack("<Q", 2))]
        case _:
            which = random_.randrange(len(entry))
            what, old = entry[which]
            entry[which] = (what, _other(what, old, random_))
            if what == "text" and random_.random() < 0.8:
                entry[which - 1] = ("number", struct.pack("<Q", len(entry[which][1])))


def _other(what: str, old: bytes, random_: random.Random) -> bytes:
    """Other bytes in the place of an atom's."""
    if what == "kind":
        return struct.pack("<I", random_.choice([0, 4, 5, 6, 8, *range(15), 39, 255, 2**32 - 1]))
    if what == "text":
        others = [*TEXTS, random_.randbytes(len(old)), old[::-1], old + old]
        return others[random_.randrange(len(others))]
    now = int.from_bytes(old, "little")
    number = random_.choice([*NUMBERS, now + 1, max(now - 1, 0), now * 2, now ^ 32])
    fits: int = number & ((1 << 8 * len(old)) - 1)
    return fits.to_bytes(len(old), "little")


def spoil_bytes(raw: bytes, random_: random.Random, most: int = 6) -> bytes:
    """Spoiled anywhere, most of it where the lengths stand; sometimes cut."""
    spoiled = bytearray(raw)
    for _ in range(random_.randint(1, most)):
        at = random_.randrange(min(len(spoiled), random_.choice([64, 700, len(spoiled)])) or 1)
        match random_.randrange(5):
            case 0:
                spoiled[at : at + 1] = random_.randbytes(1)
            case 1:
                spoiled[at : at + 8] = struct.pack("<Q", random_.choice(NUMBERS))
            case 2:
                del spoiled[at : at + random_.randint(1, 40)]
            case 3:
                spoiled[at:at] = random_.randbytes(random_.randint(1, 40))
            case _:
                if random_.random() < 0.3:
                    del spoiled[at:]
    return bytes(spoiled)


def case(seed: int, index: int) -> tuple[bytes, random.Random]:
    """The bytes of one case, the same whenever it is asked for."""
    random_ = random.Random(seed * 10**10 + index)
    short, long = seeds()
    if index % WHOLE_EVERY == 1 or index % (10 * WHOLE_EVERY) == 0:  # the latter are watched
        return spoil_bytes(random_.choice(long), random_, most=2), random_
    chosen = random_.choice(short)
    if random_.random() < 0.7:
        return spoil_fields(chosen, random_), random_
    return spoil_bytes(chosen.raw(), random_), random_


def read(raw: bytes, random_: random.Random) -> str:
    """Read one as the house does: `read`, `refused` or `unfinished`; anything else is a fault of ours."""
    size = random_.choice([len(raw), len(raw), None, len(raw) + 2**40])
    is_half_here = random_.random() < 0.1
    here = random_.randrange(len(raw) + 1) if is_half_here else len(raw)
    limits = {"limit": 64 * 2**20} if size is None else {}
    given = HeaderBytes(
        BytesIO(raw[:here]), size, "spoiled", arrays=random_.random() < 0.5, **limits
    )
    try:
        header = header_of(given)
        look_at(header)
        joined([whole(header, "spoiled")], "spoiled")
    except BadModelFile as refusal:
        assert refusal.message.ko and refusal.hint.ko
        assert "\n" not in refusal.message.en
        return "refused"
    except GoesOn as exc:
        assert here < exc.upto <= (given.limit if size is None else size)
        return "unfinished"
    return "read"


def look_at(header: Header) -> None:
    """What others will ask of it, and the same model as an Ollama would tell of it."""
    assert header.architecture or header.metadata.get("split.no")
    assert 0 <= (header.block_count or 0) <= 4096
    assert 0 <= header.data_start <= header.data_end < 2**64
    assert header.quantisation and header.kind
    end = 0
    for tensor in sorted(header.tensors, key=lambda t: (t.offset, t.size)):
        assert tensor.offset >= end or not tensor.size
        end = max(end, tensor.offset + tensor.size)
    assert len({tensor.name for tensor in header.tensors}) == len(header.tensors)
    assert (header.vocabulary_size or 0) >= 0 <= header.parameter_count
    (header.text("general.name") or "").encode()
    told = {
        key: list(value)
        if isinstance(value, tuple)
        else None
        if isinstance(value, Skipped)
        else value
        for key, value in header.metadata.items()
    }
    rows = [{"name": t.name, "type": t.type, "shape": list(t.shape)} for t in header.tensors]
    try:
        shown = shown_header({"model_info": told, "tensors": rows}, "spoiled")
    except EngineFailed:
        assert not header.architecture or header.data_end > 2**62
        return
    assert [(t.name, t.size) for t in shown.tensors] == [(t.name, t.size) for t in header.tensors]


def _hangs(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"longer than {PATIENCE_S} s")


def run(seed: int, start: int, stop: int) -> Tally:
    """Cases of one process."""
    tally = Tally()
    signal.signal(signal.SIGVTALRM, _hangs)
    seeds()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for index in range(start, stop):
        raw, random_ = case(seed, index)
        is_watched = index % MEMORY_EVERY == 0
        if is_watched:
            tracemalloc.start()
        signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE_S)
        began = time.process_time()
        try:
            outcome = read(raw, random_)
            setattr(tally, outcome, getattr(tally, outcome) + 1)
        except Exception as exc:  # noqa: BLE001 - every one is what this program looks for
            tally.broken.append(f"{index}: {exc!r:.200}")
        took = time.process_time() - began
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if is_watched:
            tally.worst_bytes = max(tally.worst_bytes, (tracemalloc.get_traced_memory()[1], index))
            tracemalloc.stop()
        else:
            tally.worst_s = max(tally.worst_s, (took, index))
    tally.resident = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return tally


def blocks(count: int) -> Iterator[tuple[int, int]]:
    """Spans of cases."""
    for start in range(0, count, BLOCK):
        yield start, min(start + BLOCK, count)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--only", type=int)
    asked = parser.parse_args()
    if asked.only is not None:
        raw, random_ = case(asked.seed, asked.only)
        print(len(raw), "bytes", raw[:400], read(raw, random_))
        return
    began, tally = time.perf_counter(), Tally()
    spans = list(blocks(asked.count))
    with ProcessPoolExecutor(asked.processes) as pool:
        starts, stops = [a for a, _ in spans], [b for _, b in spans]
        for one in pool.map(partial(run, asked.seed), starts, stops):
            tally.add(one)
            if tally.cases % (10 * BLOCK) == 0:
                print(f"{tally.cases:,} …", file=sys.stderr, flush=True)
    print(
        f"{tally.cases:,} headers in {time.perf_counter() - began:.0f} s, {asked.processes} processes"
    )
    print(f"read {tally.read:,}, refused {tally.refused:,}, more needed {tally.unfinished:,}")
    print(f"slowest {tally.worst_s[0] * 1000:.1f} ms (case {tally.worst_s[1]})")
    print(
        f"most memory {tally.worst_bytes[0] / 2**20:.1f} MiB (case {tally.worst_bytes[1]}, of every {MEMORY_EVERY}th)"
    )
    print(f"a process grew by {tally.resident / 2**20:.0f} MiB")
    print(f"faults of ours: {len(tally.broken)}")
    for line in tally.broken[:20]:
        print(" ", line)


if __name__ == "__main__":
    main()
