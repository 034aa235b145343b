"""Make a corpus of the documentation that lies on any machine with Python: the standard library's docstrings.

``python -m domains_and_languages.make_library_docs OUT.jsonl`` writes one passage for each docstring, or for each part
of at most 100 words of a longer one. Docstrings are under the PSF licence, so the corpus is made where it is used and
never committed. ``library_docs/train.jsonl`` and ``test.jsonl`` hold questions that were written and checked for this
project; their answers are spans of the texts. Docstrings change from one version of Python to the next: questions whose
answer this version does not have are named, and left out with ``--questions FOLDER``, which writes the others there.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wbrag_pipeline.datasets.documents.passage_cutting import cut_text

QUESTIONS = Path(__file__).parent / "library_docs"
MODULES = (
    "argparse ast asyncio base64 bisect calendar cmd codecs collections configparser contextlib copy csv ctypes "
    "dataclasses datetime decimal difflib dis email.message enum filecmp fileinput fnmatch fractions functools "
    "gettext glob gzip hashlib heapq hmac html http.client http.cookies imaplib inspect io ipaddress itertools json "
    "linecache locale logging logging.handlers lzma mailbox math mimetypes multiprocessing.pool netrc numbers "
    "operator os os.path pathlib pickle pkgutil platform plistlib poplib pprint profile queue random re sched "
    "secrets select selectors shelve shlex shutil signal smtplib socket socketserver sqlite3 ssl statistics string "
    "stringprep struct subprocess sys tarfile tempfile textwrap threading time timeit tokenize trace traceback "
    "types typing unicodedata unittest urllib.parse urllib.request urllib.robotparser uuid warnings wave weakref "
    "webbrowser wsgiref.util xml.etree.ElementTree zipfile zlib"
).split()
LEAST_WORDS = 8  # of a docstring, or it says next to nothing


def docstrings() -> Iterator[tuple[str, str]]:
    """Full name and docstring of the public modules, classes, functions and methods, each once."""
    seen: set[str] = set()
    for name in MODULES:
        module = importlib.import_module(name)
        for full, thing in ((name, module), *_members(name, module)):
            text = inspect.getdoc(thing) or ""
            if full not in seen and len(text.split()) >= LEAST_WORDS and text not in seen:
                seen |= {full, text}
                yield full, text


def _members(name: str, module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    public = getattr(module, "__all__", [member for member in vars(module) if not member.startswith("_")])
    for member in sorted(public):
        thing = getattr(module, member, None)
        # What another module has made is told there; the accelerated twin of a module counts as its own.
        if (getattr(thing, "__module__", None) or name).removeprefix("_").partition(".")[0] != name.partition(".")[0]:
            continue
        if inspect.isclass(thing) or inspect.isroutine(thing):
            yield f"{name}.{member}", thing
        if inspect.isclass(thing):
            for method, value in sorted(vars(thing).items()):
                if not method.startswith("_") and (inspect.isroutine(value) or isinstance(value, property)):
                    yield f"{name}.{member}.{method}", getattr(thing, method)


def rows() -> list[dict[str, str]]:
    """The corpus, in FlashRAG's shape."""
    return [
        {"id": f"{name}#{number}", "contents": f'"{name}"\n{" ".join(part.split())}'}
        for name, text in docstrings()
        for number, part in enumerate(cut_text(text), start=1)
    ]


def unanswered(corpus: list[dict[str, str]], split: str) -> set[str]:
    """Ids of the questions of a split with no answer in this version's corpus."""
    texts = [row["contents"] for row in corpus]
    asked = [json.loads(line) for line in (QUESTIONS / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]
    return {row["id"] for row in asked if not any(answer in text for text in texts for answer in row["golden_answers"])}


def main() -> int:
    """Write the corpus, and the questions that it answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="file of the corpus")
    parser.add_argument("--questions", type=Path, help="folder for the questions that this version of Python answers")
    options = parser.parse_args()
    corpus = rows()
    options.out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in corpus), encoding="utf-8")
    print(f"Python {sys.version.split()[0]}: {len(corpus):,} passages")
    for split in ("train", "test"):
        lost = unanswered(corpus, split)
        print(f"{split}: {len(lost)} questions without an answer{': ' if lost else ''}{', '.join(sorted(lost))}")
        if options.questions:
            lines = (QUESTIONS / f"{split}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
            options.questions.mkdir(parents=True, exist_ok=True)
            kept = [line for line in lines if json.loads(line)["id"] not in lost]
            (options.questions / f"{split}.jsonl").write_text("".join(kept), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
