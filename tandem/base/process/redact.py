"""What names a place, as messages, logs and answers may show it: without what of it may be secret.

It need not be a good one: what is wrong with it may be the password.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from unicodedata import normalize
from urllib.parse import unquote

HIDDEN = "***"
OF_BUCKETS = ("s3", "gs", "gcs")
# Where # is a part of a name.
_OF_FILES = (*OF_BUCKETS, "hdfs", "viewfs", "hf")
_FLAGS = re.IGNORECASE | re.DOTALL
# What parts an address; other letters may stand for them, and codes for these two.
_MARKS = frozenset("@:/?#;&=%[]")
_WORD = re.compile(r"\w\w+")
_CODES = re.compile(r"%(?:25)*(40|3a)", _FLAGS)
_SCHEME = re.compile(r"\s*(\w[\w+.-]+)://", _FLAGS)
# Greedy: what stands before the last @ may hold any character that a password can.
_USER = re.compile(r"^(\s*\w[\w+.-]*://)?.*@", _FLAGS)
# What stands for a port and is none may be a password whose @ was forgotten; after a scheme, which
# may be mistyped.
_PORT = re.compile(r"^((?:\s*[\w+.-]*:?/+)?(?:\[[^\]]*\]|[^/:\[]*)):(?!\d*(?:[/?#;]|$)).*", _FLAGS)
# In brackets that hold no address of IPv6 may stand anything.
_BRACKET = re.compile(r"^((?:\s*\w[\w+.-]*://)?[^/\[]*\[)(?![\da-f:.]+\]).*", _FLAGS)
_OPTIONS = re.compile(r"([?#]).*", _FLAGS)
_OPTIONS_OF_FILES = re.compile(r"(\?).*", _FLAGS)
# Options that were written where none can be, by names that tell of what they hold.
_TELLING = re.compile(
    r"([?#;&]|%(?:25)*(?:3[bf]|23|26))[\w.\[\]-]*"
    r"(?:secret|token|pass|pwd|key|sig|session|auth|cred|code)[\w.\[\]-]*(?:=|%(?:25)*3d).*",
    _FLAGS,
)
# An option's name, in plain letters and with a value: it tells what is wrong, and no secret.
_NAMED = re.compile(r"[?&]([a-z]+(?:[_-][a-z]+)*)=(?=[^=&])")
_ASSIGNED = re.compile(r"(\?)[^/?]*=.*", _FLAGS)
_MISTYPED = re.compile(r"\s*(?:https?|s3|gcs?|gs|hdfs|viewfs|hf)(?::|;/|[/\\]{2})", _FLAGS)
_NEARLY = re.compile(r"^(?:.*?:|\s*[\w+.-]*[/\\]{2}).*@", _FLAGS)
_HOST = re.compile(r"(?:\[[^\]]*\]|[^:]*)(?::\d*)?", _FLAGS)
# What the host of a path with an @ in it looks like, unlike the beginning of a secret.
_SURE_HOST = re.compile(
    r"(?:[^:\[]*\.[^:\[]*|localhost|\[[\da-f:.]+\])(?::(?:80|443|\d{4,5}))?"
    r"|[^:\[]+:(?:80|443|\d{4,5})",
    _FLAGS,
)
# Without the mark of the sentence that may follow it; with quotes before an @.
_URLS = re.compile(r"\b\w[\w+.-]*://(?:[^\s<>|]*@)?[^\s'\"<>|]*[^\s'\"<>|:;,.]")


def redacted(url: str) -> str:
    """A URL, of which commas may part several, without user, password, options and fragment."""
    return _unless_same(url, _of_url)


def redacted_path(name: str) -> str:
    """The same of what may be a path here, an address of a file elsewhere or a model's name.

    A path is shown as it is, and so is an @ behind what is a host for sure.
    """
    return _unless_same(name, _of_address if _apart(name)[0] else _of_path)


def redacted_text(text: str, address: str = "") -> str:
    """A text of others, an error of a library for instance, with every URL in it redacted.

    address: of a file or a model, which may stand in it in whole or in parts.
    """
    if not address:
        return _URLS.sub(lambda found: redacted(found[0]), text)
    shown = redacted_path(address)
    text = text.replace(address, shown)
    if credentials := parted(address)[0]:
        text = text.replace(f"{credentials}@", f"{HIDDEN}@")
    for word in _words(address) - _words(shown) - set(_NAMED.findall(address)):
        # A long one also where the library has its letters around it.
        end = "" if len(word) > 3 else r"\b"
        text = re.sub(rf"{end}{re.escape(word)}{end}", HIDDEN, text, flags=re.IGNORECASE)
    return _URLS.sub(lambda found: redacted_path(found[0]), text)


def parted(address: str) -> tuple[str, str]:
    """(the credentials of an address, what follows them), "" where it has none.

    Of a secret with / in it too, behind which nothing takes it for one.
    """
    scheme, rest = _apart(address)
    place = re.split("[/?#]", rest, maxsplit=1)[0]
    if "@" in place:
        credentials = place.rpartition("@")[0]
    elif ":" in place and (scheme in OF_BUCKETS or not _HOST.fullmatch(place)):
        credentials = rest.rpartition("@")[0]
    else:
        return "", rest
    return credentials, rest[len(credentials) :].removeprefix("@")


def without_options(address: str) -> str:
    """An address that was reached as it is written: without what a server is asked with it."""
    if _apart(address)[0] in _OF_FILES:
        return _OPTIONS_OF_FILES.sub("", address)
    return _TELLING.sub("", _OPTIONS.sub("", address))


def _unless_same(text: str, hide: Callable[[str], str]) -> str:
    """What hiding leaves of a text, which is shown as it was written where nothing is hidden."""
    usual = text if text.isascii() else "".join(map(_usual, text))
    usual = _CODES.sub(lambda found: "@" if found[1] == "40" else ":", usual)
    shown = hide(usual)
    return text if shown == usual else shown


def _usual(letter: str) -> str:
    """A letter, or those that it stands for where they part an address."""
    usual = normalize("NFKC", letter)
    return usual if _MARKS.intersection(usual) else letter


def _apart(address: str) -> tuple[str, str]:
    """(the scheme of an address in lower case, what follows it), "" where it has none."""
    match = _SCHEME.match(address)
    return (match[1].lower(), address[match.end() :]) if match else ("", address)


def _words(address: str) -> set[str]:
    """What an address consists of, as it is written and by its codes."""
    return {word for text in (address, unquote(unquote(address))) for word in _WORD.findall(text)}


def _of_url(url: str) -> str:
    shown = _USER.sub(lambda found: f"{found[1] or ''}{HIDDEN}@", url)
    pieces = re.split(r",(?=\s*\w[\w+.-]*://)", shown)
    return ",".join(_without_options(_without_password(piece), _OPTIONS) for piece in pieces)


def _of_address(address: str) -> str:
    scheme, rest = _apart(address)
    if parted(address)[0] or _within_path(address):
        begin = address[: len(address) - len(rest)]
        address = f"{begin}{HIDDEN}@{rest.rpartition('@')[2]}"
    ended = _OPTIONS_OF_FILES if scheme in _OF_FILES else _OPTIONS
    return _without_options(_without_password(address), ended)


def _of_path(path: str) -> str:
    if _MISTYPED.match(path):
        return _of_url(path)
    return _without_options(_NEARLY.sub(f"{HIDDEN}@", path), _ASSIGNED)


def _without_password(url: str) -> str:
    return _PORT.sub(rf"\1:{HIDDEN}", _BRACKET.sub(rf"\1{HIDDEN}", url))


def _without_options(url: str, options: re.Pattern[str]) -> str:
    return _TELLING.sub(rf"\1{HIDDEN}", options.sub(rf"\1{HIDDEN}", url))


def _within_path(address: str) -> str:
    """What stands before an @ behind a /, "" for nothing: a secret with a / in it, it may be.

    It is so read as a bucket or a host and the beginning of a path.
    """
    scheme, _ = _apart(address)
    before, _, after = parted(address)[1].partition("?")[0].rpartition("@")
    if scheme in OF_BUCKETS:
        return before
    if scheme == "hf":  # an @ stands before a revision there
        return before if after.startswith(("datasets/", "spaces/")) else ""
    return "" if _SURE_HOST.fullmatch(before.partition("/")[0]) else before
