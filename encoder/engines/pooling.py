"""How token vectors become one vector per text: a pure function for each mode.

All take hidden: float [batch, tokens, dim], and kept: int64 [batch, tokens], 1 for a token that
counts and 0 for padding, which stands at the end, and for a prompt that is left out. All give float
[batch, dim]. Sums are made in float32 at least. The definitions are those of sentence-transformers
(sentence_transformer/modules/pooling.py, version 6.2), so that its models mean the same here.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# The card's clamp: no division by zero where no token counts.
SMALLEST = 1e-9


def _exact(dtype: torch.dtype) -> torch.dtype:
    """The type to add up in."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


def _summed(hidden: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    exact = _exact(hidden.dtype)
    mask = kept.unsqueeze(-1).to(exact)
    return (hidden.to(exact) * mask).sum(1), mask.sum(1).clamp(min=SMALLEST)


def mean(hidden: Tensor, kept: Tensor) -> Tensor:
    """The average of the tokens that count; zeros where none does."""
    total, count = _summed(hidden, kept)
    return total / count


def mean_sqrt_len(hidden: Tensor, kept: Tensor) -> Tensor:
    """The sum of the tokens that count over the root of their number."""
    total, count = _summed(hidden, kept)
    return total / count.sqrt()


def maximum(hidden: Tensor, kept: Tensor) -> Tensor:
    """The greatest value of each component; -inf where no token counts."""
    return hidden.masked_fill(kept.unsqueeze(-1) == 0, float("-inf")).amax(1)


def weighted_mean(hidden: Tensor, kept: Tensor) -> Tensor:
    """The average with weights 1, 2, 3... by place, those of a left-out prompt counted too."""
    exact = _exact(hidden.dtype)
    places = torch.arange(1, hidden.shape[1] + 1, device=hidden.device, dtype=exact)
    weights = (kept.to(exact) * places).unsqueeze(-1)
    return (hidden.to(exact) * weights).sum(1) / weights.sum(1).clamp(min=SMALLEST)


def first(hidden: Tensor, kept: Tensor) -> Tensor:
    """The first token that counts, which is [CLS] or <s> where no prompt is left out."""
    return _taken(hidden, kept.to(torch.int32).argmax(1))


def last(hidden: Tensor, kept: Tensor) -> Tensor:
    """The last token that counts."""
    places = torch.arange(hidden.shape[1], device=hidden.device)
    return _taken(hidden, (kept * places).argmax(1))


def _taken(hidden: Tensor, at: Tensor) -> Tensor:
    index = at.to(torch.int64).view(-1, 1, 1).expand(-1, 1, hidden.shape[2])
    return hidden.gather(1, index).squeeze(1)


POOLINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cls": first,
    "max": maximum,
    "mean": mean,
    "mean_sqrt_len_tokens": mean_sqrt_len,
    "weightedmean": weighted_mean,
    "lasttoken": last,
}


def pool(hidden: Tensor, kept: Tensor, modes: tuple[str, ...]) -> Tensor:
    """The results of all modes joined end to end: float [batch, dim times modes]."""
    return torch.cat([POOLINGS[mode](hidden, kept).to(hidden.dtype) for mode in modes], dim=-1)
