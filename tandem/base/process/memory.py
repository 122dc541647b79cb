"""How memory and open files that ran out are told: each library and system has its own words."""

from __future__ import annotations

import errno
import os
import re
from threading import Event, Thread

# What is said where no more memory is given, or none for the stack of another thread.
_SIGNS = re.compile(
    "bad_alloc|allocate memory|out of memory|[Nn]ot enough memory|failed to map segment"
    "|can't start new thread|Resource temporarily unavailable"
)
# MB of address space that the commands need before they have done anything.
LEAST = 256
# Files that they have open at once, with libraries that are being loaded, and the embedded node.
LEAST_FILES, LEAST_FILES_OF_NODE = 64, 512
NO_FILES = (
    "this process may not open more files at once (`ulimit -n` shows its limit): allow it more."
)
NO_MEMORY = (
    "there is not enough memory for this process: free some, or allow it more (`ulimit -v` shows "
    "its limit, and a container has one too)."
)


def fault_of_limit() -> str | None:
    """Why this process cannot even import what it stands on, or None; asked before it does.

    numpy's OpenBLAS takes memory for each of its threads when it is imported, and where it is not
    given any it asks again and again, or ends the process by a line of its own. Where it may not
    start them, it interrupts the process as Ctrl-C does.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    if fault := fault_of_files(LEAST_FILES, "Tandem"):
        return fault
    few, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    cores = os.cpu_count() or 1
    if few != resource.RLIM_INFINITY and not _starts(cores):
        return (
            f"this process may not start {cores} threads more (`ulimit -u` allows its user {few:,} "
            "of all its processes together): allow more, or end others of the user's."
        )
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if limit >= LEAST * 2**20:
        return None
    return (
        f"this process may take {limit // 2**20:,} MB of memory (`ulimit -v`), and Tandem needs at "
        f"least {LEAST}: allow it more."
    )


def fault_of_files(least: int, who: str, *, hard: bool = False) -> str | None:
    """Why somebody cannot open so many files at once, or None.

    hard: who raises the limit for itself as far as it may.
    """
    try:
        import resource
    except ImportError:
        return None
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[hard]
    if limit == resource.RLIM_INFINITY or limit >= least:
        return None
    return (
        f"this process may have {limit:,} files open at once (`ulimit -n`), and {who} needs at "
        f"least {least}: allow it more."
    )


def _starts(count: int) -> bool:
    """Whether so many threads can be started at once."""
    done, started = Event(), list[Thread]()
    try:
        for _ in range(count):
            thread = Thread(target=done.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:
        return False
    finally:
        done.set()
        for thread in started:
            thread.join()
    return True


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, OSError):  # whose words are of other things too, as of a full pipe
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or bool(_SIGNS.search(str(error)))


def lacks_files(error: BaseException | None) -> bool:
    """Whether an error, or what it came of, says that no more files may be opened."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return True
        error = error.__cause__ or error.__context__
    return False
