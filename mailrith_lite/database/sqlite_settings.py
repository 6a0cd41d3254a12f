"""A setting of the SQLite library that Python has no function for."""

import _sqlite3

_CONFIG_MEMSTATUS = 9  # SQLITE_CONFIG_MEMSTATUS in sqlite3.h
_OK = 0


def stop_counting_memory() -> bool:
    """SQLite counts the memory of all connections under one lock, for which their threads wait. Nobody reads the
    counts.

    Call it while the process has no connection. Returns False where SQLite is out of reach, and counts on: in a
    Python without ctypes, and in one that SQLite is a part of.
    """
    try:
        import ctypes

        library = ctypes.CDLL(_sqlite3.__file__)  # with the functions of the library it is linked to
        configure = library.sqlite3_config
    except (ImportError, AttributeError, OSError):
        return False
    configure.argtypes = [ctypes.c_int]  # the others are variadic, which some processors pass in another way
    library.sqlite3_shutdown()  # Python has initialized it, and it takes settings before that only
    accepted = configure(_CONFIG_MEMSTATUS, ctypes.c_int(0)) == _OK
    library.sqlite3_initialize()
    return bool(accepted)
