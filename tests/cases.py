"""Corpora of sources: a file, and beside it what ``publisher check --json`` says of it."""

import json
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
_SUFFIX = ".expected.json"


def cases(kind):
    """List the sources of a corpus."""
    return sorted(path for path in (CORPUS / kind).iterdir() if path.is_file() and not path.name.endswith(_SUFFIX))


def expected(case):
    """Load what is expected of a case."""
    return json.loads(case.with_name(case.name + _SUFFIX).read_text("utf-8"))


def orphans(kind):
    """List the expectations whose source is gone."""
    return [
        p.name for p in (CORPUS / kind).glob(f"*{_SUFFIX}") if not p.with_name(p.name.removesuffix(_SUFFIX)).exists()
    ]
