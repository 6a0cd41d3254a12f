"""A temporary directory that is gone after the process has ended, also after `kill -9`."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

# `read` ends when the last process that can write to the pipe has ended. A command in the background has no stdin.
_REMOVE_AT_END = 'exec 3<&0; (read -r line <&3; rm -rf "$1") &'


@contextlib.contextmanager
def temporary_directory() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mailrith-"))
    reader, writer = os.pipe()
    try:
        with Popen(  # noqa: S603 - a fixed command
            ["/bin/sh", "-c", _REMOVE_AT_END, "sh", str(folder)],
            stdin=reader,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a signal to the group of this process does not end it
        ):
            pass  # the shell ends at once; its child is nobody's child to wait for
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(reader)
        os.close(writer)
