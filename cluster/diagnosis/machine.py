"""What this machine has: cores, vector instructions, memory, disk."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import psutil

from cluster.diagnosis.finding import Finding
from tandem.base.process.running import cores

# x86 first, then ARM; the names of Linux.
INSTRUCTIONS = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimddp",
    "i8mm",
    "bf16",
)
_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def instructions() -> tuple[str, ...]:
    """The vector instruction sets of this processor, as Linux names them; empty where unknown."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        # macOS: every Apple processor has these.
        return ("asimd", "asimddp") if platform.machine() == "arm64" else ()
    lines = (line for line in text.splitlines() if line.startswith(("flags", "Features")))
    found = set(next(lines, "").split())
    return tuple(name for name in INSTRUCTIONS if name in found)


def memory() -> tuple[int, int]:
    """(free, all) bytes of memory for us, a container's limit included."""
    known = psutil.virtual_memory()
    free, total = known.available, known.total
    for path in _CGROUP_LIMITS:
        try:
            limit = int(path.read_text("ascii"))
        except (OSError, ValueError):  # no container, or "max"
            continue
        total, free = min(total, limit), min(free, limit)
    return free, total


def free_disk(folder: Path) -> tuple[Path, int]:
    """(the nearest folder that exists, its free bytes)."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    return existing, shutil.disk_usage(existing).free


def of_machine() -> list[Finding]:
    """Cores and vector instructions."""
    features = instructions()
    slow = None if features else "expect slow encoding on this processor"
    return [
        Finding("machine", "cores", str(cores())),
        Finding("machine", "vector instructions", ", ".join(features) or "none known", slow, False),
    ]
