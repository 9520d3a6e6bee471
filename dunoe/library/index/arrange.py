"""A program that builds the search graph of one Qdrant Edge shard, and ends with its parent: `arrange.py FOLDER`.

A process of its own, because the library keeps the interpreter to itself while it works: minutes, for a hundred
thousand vectors.
"""

import ctypes
import os
import signal
import sys

from qdrant_edge import EdgeShard

PR_SET_PDEATHSIG = 1
POLITE = 10  # niceness: people who ask go first


def arrange(folder: str) -> None:
    """Merge segments, drop what was removed, index what was added; on return it is on the disk."""
    shard = EdgeShard.load(folder)
    shard.optimize()
    shard.flush()
    shard.close()


if __name__ == "__main__":
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(POLITE)
    arrange(sys.argv[1])
