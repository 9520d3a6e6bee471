"""A program that syncs a library until it is killed: `killed.py HOME FOLDER`."""

import asyncio
import sys
from pathlib import Path

from dunoe.library.library import open_library
from dunoe.settings import LibrarySettings, Settings
from dunoe.store.store import open_store


async def main(home: Path, folder: Path) -> None:
    """One sync with one worker; says `ready` before it and `done` after it."""
    settings = Settings(home=home, library=LibrarySettings(folders=(folder,), workers=1))
    with open_store(settings.database_url) as store:
        async with open_library(settings, store, None) as library:
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            await library.sync()
            sys.stdout.write("done\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
