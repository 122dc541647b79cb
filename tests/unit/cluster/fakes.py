"""Small real things: a server that gives prepared answers, and programs that talk like java."""

from tests.servers.wrong import Reply, answering


def serving(answers, context=None):
    """A server on loopback: path -> (status, body), or what makes it of a body;
    "*" for all other paths; context: of TLS. Yields (url, the requests that came)."""

    def reply(asked):
        answer = answers.get(asked.path.split("?")[0], answers.get("*", (404, "not found")))
        status, body = answer(asked.body) if callable(answer) else answer
        kind = "text/plain" if isinstance(body, str | bytes) else "application/json"
        return Reply(body, status, kind)

    return answering(reply, context)


def error(kind, reason, status):
    """An error body as OpenSearch writes it."""
    cause = {"type": kind, "reason": reason}
    return (status, {"error": {"root_cause": [cause], **cause}, "status": status})


def fake_java(home, version, modules):
    """A program that answers -version and --list-modules as a Java does."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    listed = "\n".join(f"{module}@{version}" for module in modules)
    program.write_text(
        f"""#!/bin/sh
case "$1" in
-version) echo 'openjdk version "{version}" 2026-04-21' >&2 ;;
--list-modules) cat <<END
{listed}
END
;;
*) exit 1 ;;
esac
"""
    )
    program.chmod(0o755)
    return home
