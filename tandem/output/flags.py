"""Sentences of the rooms as the command line says them: with the flag for each parameter.

A room marks a parameter with backquotes, and with its value where it advises one: `max_outage`,
`engine='lucene'`; so it does a call, `delete_index(cluster, 'books')`. It says nothing of flags and
commands, for it is called from Python too.
"""

from __future__ import annotations

import ast
import json
import re
import shlex

import click

from mappings.types import FLAT

# Parameter -> what sets it on the command line; with its record where two share a name.
FLAGS = {
    # the cluster
    "url": "--url",
    "user": "--user",
    "password": "TANDEM_PASSWORD or --password-file",
    "api_key": "TANDEM_API_KEY or --api-key-file",
    "bearer_token": "TANDEM_BEARER_TOKEN or --bearer-token-file",
    "aws": "--aws",
    "aws_region": "--aws-region",
    "ca_certs": "--ca-certs",
    "client_cert": "--client-cert",
    "client_key": "--client-key",
    "client_key_password": "TANDEM_CLIENT_KEY_PASSWORD or --client-key-password-file",
    "proxy": "--proxy or TANDEM_PROXY",
    "headers": "--header or --header-file",
    "timeout": "--timeout",
    "verify": "--insecure",
    # the embedded node
    "port": "--port",
    "heap": "--heap",
    # the encoder
    "model": "--model",
    "backend": "--backend",
    "precision": "--precision",
    "device": "--device",
    "truncate_dim": "--truncate-dim",
    "query_prompt": "--query-prompt",
    "passage_prompt": "--passage-prompt",
    "vector_field": "--vector-field",
    # an enrichment
    "copy_to": "--copy-to",
    "passages": "--passages",
    "query": "--query",
    # the cluster's own pipeline
    "service": "--service",
    "service_key": "TANDEM_SERVICE_KEY or --service-key-file",
    # an ingestion
    "index": "--index",
    "alias": "--alias",
    "take_alias": "--take-alias",
    "with_alias": "--with-alias",
    "rejects": "--rejects",
    "max_rejects": "--max-rejects",
    "format": "--format",
    "delimiter": "--delimiter",
    "sheet": "--sheet",
    "quote": "--quote",
    "encoding": "--encoding",
    "ids": "--id",
    "id_field": "--id-field",
    "id_from_content": "--id-from-content",
    "hash_long_ids": "--hash-long-ids",
    "template": "--template",
    "vector_from": "--vector-from",
    "follow": "--follow",
    "text_fields": "--text-field",
    "drop_fields": "--drop-field",
    "field_types": "--field-type",
    "keep_misfits": "--keep-misfits",
    "Reading.max_bytes": "--max-document-mb",
    "Writing.max_bytes": "--request-mb",
    "max_count": "--request-count",
    "in_flight": "--in-flight",
    "max_outage": "--max-outage",
    "max_prune": "--max-prune",
    # the shape of an index
    "analyzer": "--analyzer",
    "engine": "--engine",
    "quantization": "--quantization",
    "m": "--m",
    "ef_construction": "--ef-construction",
    "shards": "--shards",
    # a search
    "filter": "--filter",
    "where": "--where",
    "explain": "--explain",
    "collapse": "--collapse",
    "depth": "--depth",
    "pipeline": "--pipeline",
    "replace": "--replace",
    "place": "--fusion-at",
    "facets": "--facet",
    "sort": "--sort",
    "boost": "--boost",
    "fuzziness": "--fuzziness",
    "fields": "-f",
    "runner": "--runner",
    "address": "--address",
    "workers": "--workers",
    "worker_gpus": "--worker-gpus",
    "text_field": "--text-field",
    "title_field": "--title-field",
    "Knn.field": "--vector-field",
    "Rerank.depth": "--rerank-depth",
}
# What is called -> the command that calls it.
COMMANDS = {
    "ingest": "tandem ingest",
    "adopt_index": "tandem index adopt",
    "create_index": "tandem index create",
    "enrich": "tandem enrich",
    "describe_index": "tandem index show",
    "delete_index": "tandem index delete",
    "install_pipeline": "tandem pipeline install",
    "put_pipeline": "tandem index pipeline",
    "remove_search_settings": "tandem index untune",
    "EmbeddedNode.start": "tandem node start",
}
# Of these, what is called with an encoder is to name its model, which an index of others tells
# nobody, unless Tandem gave it a record.
_BY_A_MODEL = ("adopt_index", "enrich")
# Of `field_types`, what has a flag of its own.
_OF_TYPES = {FLAT: "--flatten"}
_MARKED = re.compile(r"`([A-Za-z_.]+)(?:=([^`]+)|(\([^`]*\)))?`")
_FLAG = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


def in_flags(text: str, command: click.Command | None = None) -> str:
    """A room's sentence with flags for the parameters that it marks.

    command: which one says it, where it is not the one that runs. A parameter that it has no flag
    for stays as it is.
    """
    context = click.get_current_context(silent=True)
    known = _options(command or (context.command if context else None))

    def said(match: re.Match[str]) -> str:
        name, value, call = match.groups()
        if call is not None:
            return _called(name, call) or match[0]
        flag = FLAGS.get(name)
        if flag is None or (known is not None and not known.issuperset(flags_in(flag))):
            return match[0]
        return flag if value is None else _given(flag, value) or match[0]

    return _MARKED.sub(said, text)


def flags_in(text: str) -> set[str]:
    """The flags that a text names."""
    return set(_FLAG.findall(text))


def _options(command: click.Command | None) -> set[str] | None:
    """The flags of a command and of those below it; None without one."""
    if command is None:
        return None
    flags = {flag for option in command.params for flag in option.opts}
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        flags |= _options(below) or set()
    return flags


def _called(name: str, arguments: str) -> str | None:
    """The command for a call, in backquotes; None where it cannot be shown.

    A cluster goes without saying, as does the model of most; an argument without a value is named
    in capitals.
    """
    try:
        call = ast.parse(f"call{arguments}", mode="eval").body
    except SyntaxError:
        return None
    if name not in COMMANDS or not isinstance(call, ast.Call):
        return None
    words: list[str | None] = [COMMANDS[name]]
    for argument in call.args:
        if not isinstance(argument, ast.Name):
            words.append(_given("", ast.unparse(argument)))
        elif argument.id == "encoder":
            words.append(f"{FLAGS['model']} MODEL" if name in _BY_A_MODEL else "")
        elif argument.id != "cluster":
            words.append(argument.id.upper())
    words += [_given(FLAGS[str(each.arg)], ast.unparse(each.value)) for each in call.keywords]
    return None if None in words else f"`{' '.join(filter(None, words))}`"


def _given(flag: str, value: str) -> str | None:
    """A flag with a value of Python as a shell takes it, None where that cannot be shown."""
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return None
    if isinstance(read, bool):
        return flag
    if flag == FLAGS["field_types"] and isinstance(read, dict):
        given = [
            (_OF_TYPES[kind], name) if kind in _OF_TYPES else (flag, f"{name}={kind}")
            for name, kind in read.items()
        ]
    else:
        values = read if isinstance(read, list) else [read]
        given = [(flag, json.dumps(e) if isinstance(e, dict) else str(e)) for e in values]
    if not all(word.isprintable() for _, word in given):
        return None
    return " ".join(f"{flag} {shlex.quote(word)}".strip() for flag, word in given)
