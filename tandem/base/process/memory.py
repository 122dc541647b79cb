"""How memory that ran out is told: each library and system has words of its own for it."""

from __future__ import annotations

import errno
import re

# What is said where no more memory is given, or none for the stack of another thread.
_SIGNS = re.compile(
    "bad_alloc|allocate memory|out of memory|[Nn]ot enough memory|failed to map segment"
    "|can't start new thread|Resource temporarily unavailable"
)
NO_MEMORY = (
    "there is not enough memory for this process: free some, or allow it more (`ulimit -v` shows "
    "its limit, and a container has one too)."
)


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, OSError):  # whose words are of other things too, as of a full pipe
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or bool(_SIGNS.search(str(error)))
