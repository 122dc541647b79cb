"""Write the roles into docs/configuration.md from the table that the commands use themselves."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cluster.diagnosis.rights import Role, roles

PAGE = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"
BEGIN = "<!-- From here on written by `make docs`. -->\n"


def section() -> str:
    """The section as Markdown, to the end of the page."""
    shown = "".join(f"\n{block(name, role)}\n" for name, role in roles().items())
    rows = [
        f"| `tandem-{name}` | {', '.join(f'`{each}`' for each in role.elasticsearch)} |\n"
        for name, role in roles().items()
        if role.elasticsearch
    ]
    head = "| role | privileges |\n|---|---|\n"
    return BEGIN + shown + "\nElasticsearch:\n\n" + head + "".join(rows)


def block(name: str, role: Role) -> str:
    """One role: which commands it is for, and what makes it."""
    body = role.body("books")
    lines = [
        f'  "cluster_permissions": {json.dumps(body["cluster_permissions"])},',
        f'  "index_permissions": {wrapped(body["index_permissions"])}',
    ]
    commands = ", ".join(f"`{each}`" for each in role.commands)
    sent = "\n".join([f"PUT /_plugins/_security/api/roles/tandem-{name}", "{", *lines, "}"])
    return f"{commands}:\n\n```json\n{sent}\n```"


def wrapped(indexes: list[dict[str, list[str]]]) -> str:
    """What is allowed on indexes, a permission a line."""
    blocks = []
    for each in indexes:
        allowed = ",\n".join(f"      {json.dumps(action)}" for action in each["allowed_actions"])
        patterns = json.dumps(each["index_patterns"])
        blocks.append(
            f'{{\n    "index_patterns": {patterns},\n    "allowed_actions": [\n{allowed}\n'
            "    ]\n  }"
        )
    return f"[{', '.join(blocks)}]"


def page() -> str:
    """The whole page, with the section of today."""
    written = PAGE.read_text(encoding="utf-8")
    return written.partition(BEGIN)[0].rstrip() + "\n\n" + section()


if __name__ == "__main__":
    sys.stdout.write(page())
