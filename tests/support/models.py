"""Tiny random models in every layout, made where a test needs them; nothing is downloaded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    DistilBertConfig,
    MPNetConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
)

HIDDEN = 48
VOCABULARY = 400
FAMILIES = ("roberta", "bert", "distilbert", "mpnet", "xlm-roberta")
CORPUS = (
    "the quick brown fox jumps over the lazy dog",
    "pack my box with five dozen liquor jugs",
    "how vexingly quick daft zebras jump",
    "sphinx of black quartz judge my vow",
)
_SHAPE = {"num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
# Random weights as they come give nearly equal vectors; wider ones tell texts apart.
_SPREAD = 0.2


def transformer(folder: Path, family: str, seed: int = 0, **changes: Any) -> Path:
    """A plain Hugging Face model of a family, with a tokenizer of its kind."""
    torch.manual_seed(seed)
    settings = config(family)
    settings.update(changes)
    model = AutoModel.from_config(settings)
    model.save_pretrained(folder)
    tokenizer(family).save_pretrained(folder)
    return folder


def cross_encoder(folder: Path, family: str = "bert", labels: int = 1) -> Path:
    """A cross-encoder: its order means nothing, but is its own."""
    torch.manual_seed(0)
    settings = config(family)
    settings.num_labels = labels
    AutoModelForSequenceClassification.from_config(settings).save_pretrained(folder)
    tokenizer(family).save_pretrained(folder)
    return folder


def config(family: str) -> Any:
    common = {"vocab_size": VOCABULARY, "initializer_range": _SPREAD}
    wide = {**common, **_SHAPE, "hidden_size": HIDDEN}
    offset = {"max_position_embeddings": 514, "pad_token_id": 1, "bos_token_id": 0}
    match family:
        case "roberta":
            return RobertaConfig(**wide, **offset, eos_token_id=2, type_vocab_size=1)
        case "xlm-roberta":
            return XLMRobertaConfig(**wide, **offset, eos_token_id=2, type_vocab_size=1)
        case "mpnet":
            return MPNetConfig(**wide, **offset, eos_token_id=2)
        case "bert":
            return BertConfig(**wide)
        case _:
            sizes = {"dim": HIDDEN, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
            return DistilBertConfig(**common, **sizes)


def tokenizer(family: str) -> PreTrainedTokenizerFast:
    """Byte-level BPE, Unigram, or WordPiece, trained on a few sentences."""
    if family in ("bert", "distilbert"):
        cls, sep, pad, unk, mask = "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]"
        special = [pad, unk, cls, sep, mask]
    else:
        cls, sep, pad, unk, mask = "<s>", "</s>", "<pad>", "<unk>", "<mask>"
        special = [cls, pad, sep, unk, mask]
    raw = _RAW[family](special, unk)
    ids = {name: raw.token_to_id(name) for name in (cls, sep)}
    raw.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep} $B:1 {sep}:1",
        special_tokens=[(cls, ids[cls]), (sep, ids[sep])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        cls_token=cls,
        sep_token=sep,
        pad_token=pad,
        unk_token=unk,
        mask_token=mask,
        model_max_length=512,
    )


def _bpe(special: list[str], unk: str) -> Tokenizer:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=alphabet
    )
    raw.train_from_iterator(CORPUS, trainer)
    return raw


def _wordpiece(special: list[str], unk: str) -> Tokenizer:
    raw = Tokenizer(models.WordPiece(unk_token=unk))
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special)
    raw.train_from_iterator(CORPUS, trainer)
    return raw


def _unigram(special: list[str], unk: str) -> Tokenizer:
    raw = Tokenizer(models.Unigram())
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=VOCABULARY, special_tokens=special, unk_token=unk)
    raw.train_from_iterator(CORPUS, trainer)
    return raw


_RAW = {
    "roberta": _bpe,
    "bert": _wordpiece,
    "distilbert": _wordpiece,
    "mpnet": _wordpiece,
    "xlm-roberta": _unigram,
}


def old_layout(
    folder: Path,
    family: str,
    *,
    pooling: Sequence[str] = ("mean_tokens",),
    max_length: int | None = None,
    settings: Mapping[str, Any] | None = None,
    include_prompt: bool = True,
    transformer_folder: str = "",
    later: Sequence[tuple[str, Mapping[str, Any]]] = (),
) -> Path:
    """A model folder as sentence-transformers wrote them in 2021.

    pooling: names behind `pooling_mode_`; later: (class, config) of the modules that follow, whose
    weights are the caller's to write.
    """
    transformer(folder / transformer_folder, family)
    kinds = [("Transformer", transformer_folder), ("Pooling", "1_Pooling")]
    kinds += [(kind, f"{n}_{kind}") for n, (kind, _) in enumerate(later, 2)]
    modules = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (kind, path) in enumerate(kinds)
    ]
    write(folder / "modules.json", modules)
    names = ("cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens")
    names += ("weightedmean_tokens", "lasttoken")
    flags = {f"pooling_mode_{name}": name in pooling for name in names}
    spec = {"word_embedding_dimension": HIDDEN, **flags, "include_prompt": include_prompt}
    write(folder / "1_Pooling" / "config.json", spec)
    for (_, path), (_, config) in zip(kinds[2:], later, strict=True):
        write(folder / path / "config.json", config)
    lengths = {"max_seq_length": max_length} if max_length else {}
    write(
        folder / transformer_folder / "sentence_bert_config.json",
        {**lengths, "do_lower_case": False},
    )
    write(folder / "config_sentence_transformers.json", {"__version__": {}, **(settings or {})})
    return folder


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), "utf-8")


def new_layout(folder: Path, modules: Sequence[torch.nn.Module], **settings: Any) -> Path:
    """A model folder as sentence-transformers writes them today."""
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(modules=list(modules), device="cpu", **settings).save_pretrained(
        str(folder)
    )
    return folder
