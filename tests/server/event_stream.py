"""Streams of named events: how a network brings them, and what they say."""

from collections.abc import Iterator

import orjson

from dunoe.engines.request import Json


def drops(wire: bytes) -> Iterator[bytes]:
    """The bytes, one at a time."""
    return (wire[i : i + 1] for i in range(len(wire)))


def events(wire: bytes) -> list[Json]:
    """What the events say; each must be called like its own `type`."""
    found = []
    for block in wire.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        found.append(orjson.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found
