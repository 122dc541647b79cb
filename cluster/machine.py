"""What this machine has: memory, processor cores, and the vector instructions that encoders use."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

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


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


def memory() -> tuple[int, int] | None:
    """(free, all) bytes of memory for us, a container's limit included; None where unknown."""
    try:
        rows = dict(
            line.split(":", 1) for line in Path("/proc/meminfo").read_text("utf-8").splitlines()
        )
    except OSError:
        return _memory_of_macos()
    total, free = (int(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    for path in _CGROUP_LIMITS:
        try:
            limit = int(path.read_text("ascii"))
        except (OSError, ValueError):  # no container, or "max"
            continue
        total, free = min(total, limit), min(free, limit)
    return free, total


def _memory_of_macos() -> tuple[int, int] | None:
    try:
        shown = subprocess.run(["sysctl", "-n", "hw.memsize"], capture_output=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    total = int(shown.stdout)
    return total, total


def free_disk(folder: Path) -> tuple[Path, int]:
    """(the nearest folder that exists, its free bytes)."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    return existing, shutil.disk_usage(existing).free
