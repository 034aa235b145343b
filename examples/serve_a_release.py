"""Serve a release in your own application: a retriever that follows promotions and rollbacks without a restart.

    python examples/serve_a_release.py HOME BENCHMARK "A question?" "Another one?"

HOME is a folder in which BENCHMARK was trained, by ``wbrag run`` or by ``train_on_own_files.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from wbrag_pipeline import LiveRetriever, Settings


def main(home: str, benchmark: str, questions: Sequence[str]) -> None:
    """Retrieve and answer by what is served just now."""
    # Opened once, when the application starts. It may be called from many threads.
    retriever = LiveRetriever(Settings(home=home), benchmark)

    # For an application with a generator of its own: the passages are all it needs.
    found = retriever.search(questions, top_k=3)
    print(f"release {found.release or 'none: the corpus alone'}")
    for row in found.hits.iter_rows(named=True):
        print(f"  {questions[row['query']]}  {row['rank']}. {row['origin']}: {row['title']} ({row['score']:.3f})")

    # Or answered by the generator and the method that the release was validated with.
    release, answered = retriever.answer(questions)
    for question, text in zip(questions, answered.texts, strict=True):
        print(f"{question} {text} ({release})")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
