"""The command line. Nothing is imported before Ctrl-C is minded: our own code takes a moment to read."""

import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

INTERRUPTED = 130  # what a shell expects after Ctrl-C


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command line and leave with its exit code."""
    with suppress(KeyboardInterrupt):
        import_module("dunoe.cli.commands").run(arguments)
    sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
