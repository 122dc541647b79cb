"""Documents and their passages, for tests of what is done with them."""

from ingest.records import Document, Origin, Passage, passage_id

HERE = Origin("a.jsonl", 1)


def passages(number, count):
    document = Document(number, f"d{number}", "x", None, {}, "", "", HERE, {"id": f"d{number}"})
    return [
        Passage(document, passage_id(document.id, n), n, count, "x", {}, "s") for n in range(count)
    ]
