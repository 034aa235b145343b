"""Train on your own files: a folder of Markdown and a log of questions with answers.

    python examples/train_on_own_files.py

The files are made here, so that the example runs as it is; put your own paths in their place. It needs no GPU and no
download: the encoder and the embedded reader come with the package.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

from wbrag_pipeline import Settings, add_benchmark, add_corpus, ask, evaluate, train

HUTS = {
    "Arven hut": ("Mina Holt", "1921", "stone", "the Lynx ridge"),
    "Birkhorn hut": ("Tor Aske", "1934", "larch", "the Grey pass"),
    "Corrie hut": ("Elin Moss", "1948", "slate", "the Upper tarn"),
    "Dunvale hut": ("Per Lind", "1957", "granite", "the Saddle"),
}


def write_files(folder: Path) -> None:
    """A page a hut, and questions about them: those of ``train.csv`` teach, those of ``test.csv`` measure."""
    pages = folder / "docs"
    pages.mkdir()
    log, held_back = [], []
    for name, (builder, year, material, place) in HUTS.items():
        text = f"The {name} stands on {place}. {builder} built it of {material} in {year}. It has twelve beds."
        (pages / f"{name}.md").write_text(f"# {name}\n\n{text}\n", encoding="utf-8")
        log += [(f"Who built the {name}?", builder), (f"What is the {name} built of?", material)]
        held_back += [(f"In which year was the {name} built?", year)]
    for file, rows in (("train.csv", log), ("test.csv", held_back)):
        with (folder / file).open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([("question", "golden_answers"), *rows])


def main(folder: Path) -> None:
    """Register the files, train, and show what came of it."""
    write_files(folder)
    settings = Settings(home=folder / "home", top_k=3)
    add_corpus("huts", folder / "docs", settings)
    add_benchmark("support", corpus="huts", train=folder / "train.csv", test=folder / "test.csv", settings=settings)
    release = train("support", settings)
    print(f"{release.name}: {release.units().height} knowledge units")
    for title, text in release.units().select("title", "text").head(3).iter_rows():
        print(f"  {title}: {text}")
    summary = evaluate("support", settings).summary
    print(f"accuracy {summary.score_without:.1f} without write-back, {summary.score_with:.1f} with")
    reply = ask("Who built the Arven hut?", "support", settings)
    print(f"Who built the Arven hut? {reply.text}")
    print(reply.passages.select("rank", "origin", "title", "score"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
