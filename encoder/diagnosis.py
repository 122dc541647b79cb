"""What `tandem doctor` says about encoding: what can run models here, and one model in detail."""

from __future__ import annotations

import importlib.util

from encoder.encoder import Encoder
from encoder.errors import EncoderError
from encoder.selection.candidates import SAME, best_device
from encoder.selection.preparation import OnStep
from tandem.base.process.redact import redacted_path

# (what, found, cure or None)
Row = tuple[str, str, "str | None"]


def diagnose(model: str | None, on_progress: OnStep) -> list[Row]:
    """Rows about this machine; with a model, also how each way of running it does here.

    A model that was not measured on this machine yet is measured now.
    """
    rows: list[Row] = [
        ("device", best_device(), None),
        _openvino(),
    ]
    return rows if model is None else [*rows, *_model(model, on_progress)]


def _openvino() -> Row:
    if importlib.util.find_spec("openvino"):
        return ("OpenVINO", "installed", None)
    cure = "pip install 'tandem-search[openvino]' for faster encoding on processors"
    return ("OpenVINO", "not installed", cure)


def _model(model: str, on_progress: OnStep) -> list[Row]:
    try:
        encoder = Encoder.load(model, on_progress=on_progress)
    except EncoderError as error:
        return [("model", f"{redacted_path(model)} cannot be used", str(error))]
    choice = encoder.choice
    taken = f"{choice.taken}, least cosine to float32 {choice.agreement:.5f}"
    rows: list[Row] = [
        ("model", f"{encoder.name}, {encoder.dim} dimensions, {encoder.max_length} tokens", None),
        ("fingerprint", encoder.fingerprint, None),
        ("chosen", f"{taken}: the fastest of those with at least {SAME}", None),
    ]
    if steps := encoder.preparation:
        said = ", ".join(f"{name} {seconds:,.1f} s" for name, seconds in steps.items())
        rows.append(("prepared", f"just now, once on this machine: {said}", None))
    for each in choice.measured:
        found = each.fault or f"{each.speed:,.0f} texts/s, least cosine {each.agreement:.5f}"
        if not each.fault and not each.same:
            found += ", too far from float32 to be chosen unasked"
        rows.append((str(each.candidate), found, None))
    return rows
