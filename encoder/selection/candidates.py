"""What runs a model here: what was asked for, what could, how well each does, what is taken."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from encoder.errors import EncoderError
from tandem.base.process.running import BACKENDS, PRECISIONS, Precision, cores

INT8: Precision = "int8"
_GPU_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
# Vectors whose cosine to float32's is at least this count as the same.
SAME = 0.9999


@dataclass(frozen=True)
class Candidate:
    """One way to run a model."""

    backend: str
    precision: str
    device: str = "cpu"

    def __str__(self) -> str:
        return f"{self.backend} {self.precision} on {self.device}"


@dataclass(frozen=True)
class Measured:
    """How a candidate did on the check texts.

    agreement: the least cosine to the vectors of torch in float32; speed: texts in a second; fault:
    why it cannot run, empty where it can; lasting: whether that stays so on this machine.
    """

    candidate: Candidate
    agreement: float = 0.0
    speed: float = 0.0
    fault: str = ""
    lasting: bool = False

    @property
    def same(self) -> bool:
        """Whether its vectors count as float32's."""
        return not self.fault and self.agreement >= SAME


@dataclass(frozen=True)
class EngineOptions:
    """What the user asked for; None leaves the choice to us.

    device: one, or several of one kind with commas between, such as "cuda:0,cuda:1".
    """

    backend: str | None = None
    precision: str | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        """Refuse unknown names."""
        for name, value, known in (
            ("backend", self.backend, BACKENDS),
            ("precision", self.precision, PRECISIONS),
        ):
            if value is not None and value not in known:
                raise EncoderError(f"unknown {name} {value!r}: use one of {', '.join(known)}.")
        named = self.devices
        if len({each.partition(":")[0] for each in named}) > 1:
            raise EncoderError(f"`device={self.device!r}` names several kinds: name only one.")
        if len(named) > 1 and self.backend == "openvino":
            raise EncoderError("several devices need `backend='torch'`: leave out `backend`.")

    @property
    def devices(self) -> list[str]:
        """Each by itself; empty where none was asked for."""
        return [each.strip() for each in self.device.split(",")] if self.device else []

    @property
    def of_one(self) -> EngineOptions:
        """The options of which way to run: measured on the first device, good for the others."""
        if len(self.devices) < 2:
            return self
        return replace(self, backend="torch", device=self.devices[0])

    def allows(self, candidate: Candidate) -> bool:
        """Whether a candidate is what was asked for; what was left open is any but int8."""
        if self.precision is None and candidate.precision == INT8:
            return False
        return all(
            wanted in (None, found)
            for wanted, found in (
                (self.backend, candidate.backend),
                (self.precision, candidate.precision),
                (self.device, candidate.device),
            )
        )


@dataclass(frozen=True)
class SelectedEngine:
    """What runs a model, and why.

    measured: all candidates that were looked at; changes: whether its vectors differ noticeably
    from float32's, so that they have a fingerprint of their own.
    """

    taken: Candidate
    measured: tuple[Measured, ...]

    @property
    def agreement(self) -> float:
        """The least cosine to float32 on the check texts."""
        return next(m.agreement for m in self.measured if m.candidate == self.taken)

    @property
    def changes(self) -> bool:
        """Whether the vectors are too far from float32's to be mixed with them; int8's always are.

        So who only searches need not quantise the model to know.
        """
        return self.taken.precision == INT8 or self.agreement < SAME


def choose(options: EngineOptions, measured: Sequence[Measured]) -> SelectedEngine:
    """The fastest of those allowed whose vectors count as float32's.

    One whose precision was asked for need not agree. Raises EncoderError where none can run.
    """
    allowed = [each for each in measured if options.allows(each.candidate)]
    able = [each for each in allowed if not each.fault]
    fit = [each for each in able if each.same or options.precision is not None]
    if not fit:
        raise EncoderError(_why_none(options, allowed))
    best = max(fit, key=lambda each: each.speed)
    return SelectedEngine(best.candidate, tuple(measured))


def _why_none(options: EngineOptions, allowed: Sequence[Measured]) -> str:
    if not allowed:
        asked = " ".join(
            each for each in (options.backend, options.precision, options.device) if each
        )
        return f"nothing here runs {asked}: leave out `backend`, `precision` or `device`."
    return allowed[0].fault or f"{allowed[0].candidate} differs from float32: name a `precision`."


def candidates(device: str) -> list[Candidate]:
    """Every way to run a model on a device."""
    kind = device.partition(":")[0]
    if kind == "cuda":
        return [Candidate("torch", each, device) for each in ("float16", "bfloat16", "float32")]
    if kind != "cpu":
        return [Candidate("torch", each, device) for each in ("float16", "float32")]
    backends = ("openvino", "torch") if find_spec("openvino") else ("torch",)
    found = [Candidate(b, p) for b in backends for p in ("float32", "bfloat16")]
    return [*found, Candidate("openvino", INT8)]


def best_device() -> str:
    """The GPU where there is one that torch can use, else the processor.

    torch, which takes seconds to import, is only asked where there may be one.
    """
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    if not apple and not any(Path(each).exists() for each in _GPU_FILES):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if apple and torch.backends.mps.is_available() else "cpu"


def machine() -> str:
    """What measurements hold for: the processor, its cores, and the libraries that run models."""
    versions = [f"{each}={_version(each)}" for each in ("torch", "openvino", "transformers")]
    return "; ".join([processor(), f"{cores()} cores", *versions])


def processor() -> str:
    """The processor's name and instruction sets, or what the system calls it."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    rows = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    found = {key.strip(): value.strip() for key, value in rows.items()}
    flags = hashlib.sha256(found.get("flags", found.get("Features", "")).encode()).hexdigest()[:8]
    return f"{found.get('model name', platform.machine())} ({flags})"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def to_notes(measured: Sequence[Measured]) -> dict[str, Any]:
    """As JSON, for this machine."""
    return {"machine": machine(), "measured": [asdict(each) for each in measured]}


def from_notes(notes: Mapping[str, Any]) -> list[Measured]:
    """What `to_notes` wrote, or nothing where it holds for another machine or was damaged."""
    if notes.get("machine") != machine():
        return []
    try:
        return [
            Measured(**{**each, "candidate": Candidate(**each["candidate"])})
            for each in notes["measured"]
        ]
    except (KeyError, TypeError):
        return []
