"""The environments of peers: their pinned versions beside this environment's torch."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

PEERS, INFINITY = (Path(__file__).with_name(f"{name}.txt") for name in ("peers", "infinity"))
# Brought by Tandem's tests: sentence-transformers imports them where it finds them, which takes it
# seconds, and who only encodes has none.
HIDDEN = ("accelerate", "datasets", "pandas", "__editable__")


def peers_python(folder: Path, requirements: Path = PEERS) -> Path:
    """The interpreter of the environment in `folder`, which is made where it is not as wanted.

    It sees the packages of this environment behind its own, so that torch is there only once.
    """
    bin_folder = "Scripts" if sys.platform == "win32" else "bin"
    python, mark = folder / bin_folder / "python", folder / "made-from"
    here = f"{sys.version}\n{sysconfig.get_path('purelib')}\n".encode()
    wanted = hashlib.sha256(here + requirements.read_bytes()).hexdigest()
    if mark.exists() and mark.read_text("utf-8") == wanted:
        return python
    print(f"Installing the peers into {folder}, once.", file=sys.stderr)
    if (folder / "pyvenv.cfg").exists():
        shutil.rmtree(folder)
    venv.create(folder, with_pip=False)
    scheme = {"base": str(folder), "platbase": str(folder)}
    own = Path(sysconfig.get_path("purelib", "venv", scheme))
    shared = folder / "shared"
    shared.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(HIDDEN):
            (shared / entry.name).symlink_to(entry)
    (own / "shared.pth").write_text(f"{shared}\n", "utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run(
        [*pip, "--disable-pip-version-check", "--requirement", str(requirements)], check=True
    )
    mark.write_text(wanted, "utf-8")
    return python
