"""The numbers of the server, side by side in one run: the upstream alone, dunoe, LiteLLM's proxy.

    make bench                        everything, about ten minutes
    make bench ARGS="--quick"         a look
    make bench ARGS="--write"         and write docs/benchmarks.md

Every figure is the median of the rounds, with the lowest and the highest; the programs take turns inside each
round, so that a noisy machine is noisy for all of them.
"""

import argparse
import asyncio
import json
import os
import platform
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import load, processes

SECTION = "## The server"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
CLIENTS = 16
TOKENS_IN_A_STREAM = 500
SLOW_STREAMS, SLOW_RATE, SLOW_TOKENS = 512, 20, 200
REQUESTS_FOR_MEMORY = 100_000
SETTLED_S = 30  # by then the guide is read, and what read it is let go of


def ask(port: int, key: str = "", *, stream: bool = False) -> load.Target:
    """One chat request."""
    body = {
        "model": processes.MODEL,
        "messages": [{"role": "user", "content": "두뇌에게 묻습니다: 오늘은 무엇을 할까요?"}],
        "temperature": 0.7,
        "max_tokens": 512,
    }
    if stream:
        body["stream"] = True
    headers = [f"Authorization: Bearer {key}"] if key else []
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return load.Target("127.0.0.1", port, "/v1/chat/completions", raw, headers)


class Table:
    """Rows of the page: a name, a unit, the bar, and for each program the values of its rounds."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, dict[str, list[float]]]] = []

    def add(self, name: str, bar: str, values: dict[str, list[float]]) -> None:
        """Add a row and print it."""
        self.rows.append((name, bar, values))
        print(self.line(name, bar, values), flush=True)

    @staticmethod
    def line(name: str, bar: str, values: dict[str, list[float]]) -> str:
        """One row as Markdown."""
        cells = [_cell(values.get(program)) for program in ("upstream", "dunoe", "litellm")]
        return f"| {name} | {' | '.join(cells)} | {bar} |"

    def markdown(self) -> str:
        """The table."""
        head = "| what | upstream alone | dunoe | LiteLLM | bar |\n|---|---|---|---|---|"
        return "\n".join([head, *(self.line(*row) for row in self.rows)])


def _cell(values: list[float] | None) -> str:
    if not values:
        return ""
    middle = statistics.median(values)
    if len(values) == 1:
        return _short(middle)
    return f"**{_short(middle)}** ({_short(min(values))} to {_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def quantile(values: list[float], share: float) -> float:
    """The value below which `share` of all values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def first_byte(table: Table, targets: dict[str, load.Target], rounds: int, count: int) -> None:
    """Added time to the first byte, one client."""
    found: dict[str, dict[str, list[float]]] = {"p50": {}, "p99": {}}
    for number in range(rounds):
        order = list(targets.items())
        times = {
            name: asyncio.run(load.one_by_one(target, count))
            for name, target in (order if number % 2 == 0 else reversed(order))
        }
        for which, share in (("p50", 0.5), ("p99", 0.99)):
            alone = quantile(times["upstream"], share)
            for name, seconds in times.items():
                added = quantile(seconds, share) - (alone if name != "upstream" else 0)
                found[which].setdefault(name, []).append(added * 1000)
    table.add("added time to first byte, p50, ms", "≤ 1.0", found["p50"])
    table.add("added time to first byte, p99, ms", "≤ 5", found["p99"])


def rate(
    table: Table,
    name: str,
    bar: str,
    targets: dict[str, load.Target],
    rounds: int,
    measure: Callable[[str, load.Target], float],
) -> None:
    """Something a second, and the ratio of dunoe to LiteLLM round by round."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for program, target in targets.items():
            found.setdefault(program, []).append(measure(program, target))
    table.add(name, bar, found)
    if "litellm" in found:
        ratios = [
            ours / theirs for ours, theirs in zip(found["dunoe"], found["litellm"], strict=True)
        ]
        table.add(f"{name}: dunoe over LiteLLM", "≥ 30", {"dunoe": ratios})


def slow_streams(table: Table, targets: dict[str, load.Target]) -> None:
    """512 streams at 20 tokens a second at once: how much later does a token come?"""
    alone = asyncio.run(load.side_by_side(targets["upstream"], SLOW_STREAMS))
    ours = asyncio.run(load.side_by_side(targets["dunoe"], SLOW_STREAMS))
    whole = sum(1 for one in ours if one.events >= SLOW_TOKENS)
    late = {
        name: quantile([abs(gap - 1 / SLOW_RATE) for one in streams for gap in one.gaps_s], 0.99)
        * 1000
        for name, streams in (("upstream", alone), ("dunoe", ours))
    }
    table.add("512 slow streams: complete", "512", {"dunoe": [whole]})
    table.add(
        "512 slow streams: inter-token time off the beat, p99, ms",
        "added ≤ 20",
        {"upstream": [late["upstream"]], "dunoe": [late["dunoe"]]},
    )


def start_time(table: Table, folder: Path, rounds: int) -> None:
    """`dunoe serve` to its first answer, on an empty home and on one that has its database."""
    first: list[float] = []
    again: list[float] = []
    config = folder / "empty.toml"
    config.write_text("", "utf-8")
    for number in range(rounds):
        home = folder / f"start-{number}"
        home.mkdir()
        for seconds in (first, again):
            port = processes.free_port()
            began = time.perf_counter()
            with processes.started(home, config, port):
                seconds.append(time.perf_counter() - began)
    table.add("`dunoe serve` to its first answer, s", "≤ 1.5", {"dunoe": again})
    table.add("the same on an empty home, s", "", {"dunoe": first})


def memory(table: Table, folder: Path, upstream_port: int, requests: int) -> None:
    """Resident memory of a fresh server, and after many requests."""
    with processes.dunoe(folder / "memory", upstream_port) as (port, key, pid):
        target = ask(port, key)
        asyncio.run(load.closed_loop(target, 1, 0.2))
        time.sleep(SETTLED_S)
        idle = processes.rss_mib(pid)
        asyncio.run(_many(target, requests // 10))
        warm = processes.rss_mib(pid)
        asyncio.run(_many(target, requests))
        after = processes.rss_mib(pid)
    table.add("memory idle, MiB", "≤ 120", {"dunoe": [idle]})
    table.add(f"memory after {requests // 10:,} requests, MiB", "", {"dunoe": [warm]})
    table.add(f"memory after {requests:,} more, MiB", "", {"dunoe": [after]})
    table.add("growth from idle to the end, MiB", "≤ 5", {"dunoe": [after - idle]})


async def _many(target: load.Target, count: int) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(load.one_by_one(target, count // CLIENTS))


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    parser.add_argument("--without-litellm", action="store_true")
    given = parser.parse_args()
    rounds, seconds = (1, 2.0) if given.quick else (5, 5.0)
    table = Table()
    with tempfile.TemporaryDirectory() as folder_name, ExitStack() as stack:
        folder = Path(folder_name)
        start_time(table, folder, rounds)
        whole = stack.enter_context(processes.upstream("--tokens", "20"))
        long = stack.enter_context(processes.upstream("--tokens", str(TOKENS_IN_A_STREAM)))
        memory(table, folder, whole, REQUESTS_FOR_MEMORY // (10 if given.quick else 1))
        programs: dict[str, Callable[[Path, int], object]] = {"dunoe": processes.dunoe}
        if not given.without_litellm:
            programs["litellm"] = processes.litellm
        targets, streaming = {"upstream": ask(whole)}, {"upstream": ask(long, stream=True)}
        for name, start in (("dunoe", processes.dunoe), ("litellm", processes.litellm)):
            if name in programs:
                port, key, _ = stack.enter_context(start(folder / f"{name}-whole", whole))
                targets[name] = ask(port, key)
                port, key, _ = stack.enter_context(start(folder / f"{name}-long", long))
                streaming[name] = ask(port, key, stream=True)
        first_byte(table, targets, rounds, 100 if given.quick else 500)
        rate(
            table, "requests/s, 16 clients, not streamed", "≥ 2,500", targets, rounds,
            lambda _, target: asyncio.run(load.closed_loop(target, CLIENTS, seconds)),
        )  # fmt: skip
        rate(
            table, "streamed chunks/s, 4 clients", "≥ 40,000", streaming, rounds,
            lambda name, target: asyncio.run(load.chunks(target, 4, 2 if name == "litellm" else 50)),
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder_name, ExitStack() as stack:
        slow = stack.enter_context(
            processes.upstream("--tokens", str(SLOW_TOKENS), "--rate", str(SLOW_RATE))
        )
        port, key, _ = stack.enter_context(processes.dunoe(Path(folder_name) / "slow", slow))
        slow_streams(
            table, {"upstream": ask(slow, stream=True), "dunoe": ask(port, key, stream=True)}
        )
    if given.write:
        old = PAGE.read_text("utf-8")
        others = old.find("\n## ", old.find(SECTION) + 1)  # what other commands printed
        PAGE.write_text(page(table, sys.argv[1:]) + (old[others:] if others >= 0 else ""), "utf-8")


def page(table: Table, arguments: list[str]) -> str:
    """The page of benchmarks, as far as this command prints it."""
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("uvicorn", "httptools", "starlette")
    )
    command = f'make bench ARGS="{shlex.join(arguments)}"' if arguments else "make bench"
    return (
        f"# Benchmarks\n\nOnly what a command in `bench/` printed.\n\n{SECTION}\n\n"
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {libraries}.\n"
        "Load generator, upstream and proxies share these cores. Medians of the rounds, lowest and highest in "
        "brackets; the programs take turns inside each round.\n\n"
        f"{table.markdown()}\n"
    )


if __name__ == "__main__":
    main()
