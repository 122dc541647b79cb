"""Whether a model made the vectors that are stored: documents encoded again, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ingest.errors import IndexRefusedError, OtherPromptError
from ingest.index.existing.sample import Stored
from ingest.read.template import Template
from ingest.records import PassageEncoder
from tandem.base.vectors import Vector, VectorFault, as_vector, cosine

# A vector is of a text where its cosine to what the encoder makes of it is at least this: other
# precisions keep more than 0.99, another model gives about 0, and another text of a model less.
SAME = 0.98
# So good and nothing better is looked for.
_SURE = 0.9995
# Of the sample, what may have changed since it was encoded.
MOST = 0.9
SOME = 0.2
TEMPLATES = ("{text}", "{title}\n{text}", "{title}. {text}")
# Passage prompts that models are published with -> their query prompts.
PROMPTS = {
    "passage: ": "query: ",
    "search_document: ": "search_query: ",
    "title: none | text: ": "task: search result | query: ",
}


@dataclass(frozen=True)
class Fit:
    """How well an encoder, a template and a prompt give what is stored.

    cosine: the median over those documents that fit, else over all; fitting: how many do, of
    sampled; prompt: what was put before each text, "" for nothing beyond the encoder's own.
    """

    template: str
    prompt: str
    cosine: float
    fitting: int
    sampled: int

    @property
    def fits(self) -> bool:
        """Whether the stored vectors are the encoder's, but for what may have changed since."""
        return self.fitting >= MOST * self.sampled

    @property
    def mixed(self) -> bool:
        """Whether only a part of them are."""
        return not self.fits and self.fitting >= SOME * self.sampled


def best_fit(encoder: PassageEncoder, sample: Sequence[Stored], template: str | None = None) -> Fit:
    """The template and prompt with which an encoder comes nearest; at least one document.

    template: the user's own, which is tried alone. Most encoders fit at once or not at all, and a
    sample that has no titles is encoded with fewer templates.
    """
    best: Fit | None = None
    for prompt in ("", *PROMPTS):
        for each in _templates(sample, template):
            found = _fit(encoder, sample, each, prompt)
            if best is None or (found.fitting, found.cosine) > (best.fitting, best.cosine):
                best = found
            if found.fits and found.cosine >= _SURE:
                return found
    return best or Fit(TEMPLATES[0], "", 0.0, 0, len(sample))


def _templates(sample: Sequence[Stored], template: str | None) -> Iterator[str]:
    if template is not None:
        yield template
        return
    titled = any(each.title for each in sample)
    yield from TEMPLATES if titled else TEMPLATES[:1]
    if named := _metadata(sample):
        yield named


def _metadata(sample: Sequence[Stored]) -> str | None:
    """The template by which LlamaIndex puts a node's metadata before its text."""
    names: dict[str, None] = {}
    for each in sample:
        metadata = each.row.get("metadata")
        if isinstance(metadata, dict) and "_node_content" in metadata:
            ours = (name for name in metadata if not name.startswith("_"))
            names |= dict.fromkeys(
                n for n in ours if n not in ("document_id", "doc_id", "ref_doc_id")
            )
    if not names:
        return None
    return "\n".join(f"{name}: {{metadata.{name}}}" for name in names) + "\n\n{text}"


def _fit(encoder: PassageEncoder, sample: Sequence[Stored], template: str, prompt: str) -> Fit:
    made = Template(template)
    texts = []
    for each in sample:
        before, after = made.around(each.row)
        texts.append(prompt + before + each.text + after)
    return compared(encoder, texts, [each.vector for each in sample], template, prompt)


def compared(
    encoder: PassageEncoder,
    texts: Sequence[str],
    stored: Sequence[Vector],
    template: str,
    prompt: str = "",
) -> Fit:
    """How near an encoder's vectors of texts are to those that are stored, one for each text."""
    pairs = zip(encoder.stream_passages(texts), stored, strict=True)
    cosines = np.array([_cosine(made, vector, encoder.dim) for made, vector in pairs])
    fitting = cosines >= SAME
    said = float(np.median(cosines[fitting] if fitting.any() else cosines))
    return Fit(template, prompt, said, int(fitting.sum()), len(texts))


def _cosine(made: Vector, stored: Vector, dim: int) -> float:
    """The cosine, 0 for what has none."""
    one, other = as_vector(made, dim), as_vector(stored, dim)
    if isinstance(one, VectorFault) or isinstance(other, VectorFault):
        return 0.0
    return cosine(one, other)


def check_fit(index: str, encoder: PassageEncoder, fit: Fit) -> None:
    """Raise IndexRefusedError unless the vectors are the encoder's, as it is."""
    if fit.mixed:
        raise IndexRefusedError(
            f"index {index!r} holds vectors of {encoder.name} and others: {fit.fitting} of "
            f"{fit.sampled} documents that were encoded again have theirs (cosine "
            f"{fit.cosine:.3f}) and {fit.sampled - fit.fitting} do not, so ingest its documents "
            "into a new index."
        )
    if not fit.fits:
        raise IndexRefusedError(
            f"{encoder.name} did not make the vectors of index {index!r}: {fit.sampled} documents "
            f"that were encoded again have a cosine of {fit.cosine:.3f} to what is stored, and the "
            "same model would give about 1; name another `model`, or what was encoded with "
            "`template`."
        )
    if fit.prompt:
        raise OtherPromptError(index, fit.cosine, fit.prompt, PROMPTS[fit.prompt])
