"""The entry point of the program. It needs no package, so that it can say which one is missing or too old."""

import gc
import sys

from mailrith_lite.cli import dependencies

_GC_THRESHOLD = 500_000
"""New objects between two runs of the garbage collector. A start makes fewer, and those of the modules stay."""


def main() -> None:
    """Runs the command of the process.

    Raises:
        SystemExit: there is an error, which is one line on stderr, or the exit code is not zero.
    """
    gc.set_threshold(_GC_THRESHOLD)
    try:
        from mailrith_lite.cli.main import main as run

        run()
    except (ImportError, AttributeError, TypeError):
        problems = dependencies.missing_or_old()
        if not problems:
            raise
        sys.exit(f"mailrith-lite: a package does not fit: {', '.join(problems)}; {dependencies.how_to_install()}")
    finally:
        gc.freeze()  # so that the end of the process does not look for garbage in all modules
