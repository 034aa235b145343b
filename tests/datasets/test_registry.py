import json
import re
import sys
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.datasets.adding import add_benchmark, add_corpus, write_entry
from wbrag_pipeline.datasets.benchmark_entry import Answers, Benchmark, Overlap
from wbrag_pipeline.datasets.corpus_entry import Corpus
from wbrag_pipeline.datasets.files.column_map import AS_IN_FILE, ColumnMap
from wbrag_pipeline.datasets.logs.log_files import LOG_FORMATS
from wbrag_pipeline.datasets.registry import Registry
from wbrag_pipeline.datasets.retriever_entry import RetrieverEntry
from wbrag_pipeline.datasets.splits import read_splits
from wbrag_pipeline.datasets.tasks import TASKS
from wbrag_pipeline.errors import InputError, WbragError

# METHOD's table: every built-in benchmark stands for one of the paper's six.
BUILT_IN = {
    "sample_boolq": ("yes_no", "accuracy"),
    "sample_fever": ("fact_verification", "f1"),
    "sample_hotpotqa": ("multi_hop_qa", "accuracy"),
    "sample_nq": ("open_qa", "accuracy"),
    "sample_squad": ("extractive_qa", "exact_match"),
    "sample_zsre": ("slot_filling", "accuracy"),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a corpus of two passages and two splits of two questions."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text('{"id": "1", "contents": "\\"T\\"\\na"}\n{"id": "2", "contents": "b"}\n')
    write_split(folder / "train.jsonl", "Who wrote it?", "When?")
    write_split(folder / "test.jsonl", "Where?", "Why?")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def write_split(file: Path, *questions: str, answer: str = "x") -> None:
    name = file.name.split(".")[0]
    rows = [{"id": f"{name}_{i}", "question": q, "golden_answers": [answer]} for i, q in enumerate(questions)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def entry(home: Path, kind: str, name: str, text: str) -> Path:
    (home / kind).mkdir(parents=True, exist_ok=True)
    file = home / kind / f"{name}.yaml"
    file.write_text(text)
    return file


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under ``folder`` with its bytes."""
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_built_in_entries(home: Path) -> None:
    registry = Registry.load(home)
    assert list(registry.corpora) == ["sample"]
    assert {name: (b.task, b.metric) for name, b in registry.benchmarks.items()} == BUILT_IN
    assert {b.task for b in registry.benchmarks.values()} == set(TASKS)
    assert registry.benchmarks_of("sample") == list(BUILT_IN)
    assert registry.benchmarks_of("other") == []
    sample = registry.corpus("sample").path
    assert sample.is_absolute() and sample.parts[-3:] == ("wbrag_pipeline", "sample", "corpus.jsonl")
    for name, benchmark in registry.benchmarks.items():
        assert (benchmark.train, benchmark.test) == (
            sample.parent / name / "train.jsonl",
            sample.parent / name / "test.jsonl",
        )
    assert not home.exists()  # looking makes nothing


def test_relative_paths_start_at_the_entrys_file(home: Path, data: Path) -> None:
    entry(home, "corpora", "mine", "path: ../../data/corpus.jsonl\nname: mine\n")
    text = f"task: open_qa\nmetric: em\ncorpus: mine\ntrain: ../../data/train.jsonl\ntest: {data}/test.jsonl\n"
    entry(home, "benchmarks", "mine_qa", text)
    (home / "benchmarks" / "README.txt").write_text("not an entry")
    registry = Registry.load(home)
    assert registry.corpus("mine").path == data / "corpus.jsonl"
    assert registry.passages("mine")["passage_id"].to_list() == ["1", "2"]
    assert registry.benchmark("mine_qa").metric == "exact_match"
    assert registry.benchmark("mine_qa").train == data / "train.jsonl"
    assert registry.benchmarks_of("mine") == ["mine_qa"]
    assert registry.splits("mine_qa").train["question"].to_list() == ["Who wrote it?", "When?"]
    assert registry.splits("mine_qa").test.head(1)["question_id"].to_list() == ["test_0"]


def test_unknown_names_list_those_there_are(home: Path) -> None:
    registry = Registry.load(home)
    with pytest.raises(InputError, match=r"field 'corpus': there is no corpus 'wiki' \(one of sample\)"):
        registry.corpus("wiki")
    with pytest.raises(InputError, match=r"field 'benchmark': there is no benchmark 'nq' \(one of sample_boolq, "):
        registry.splits("nq")


GOOD = "task: open_qa\ncorpus: sample\ntrain: a.jsonl\ntest: b.jsonl\n"
BROKEN = {
    "not YAML": ("task: [open_qa\n", "x.yaml, line 2: broken YAML"),
    "a list": ("- task\n", "x.yaml: is not a list of `key: value` lines (keys: task, corpus, train, test, metric"),
    "empty": ("", "x.yaml: is not a list of `key: value` lines"),
    "cut short": (GOOD[:-3], "x.yaml, line 4: may have been cut short (if nothing is missing, end the last line"),
    "unknown key": (GOOD + "lang: en\n", "x.yaml, field 'lang': is not a key here (keys: task,"),
    "key twice": (GOOD + "task: yes_no\n", "x.yaml, line 5: broken YAML: 'task' stands twice"),
    "missing key": (GOOD.replace("train:", "#"), "x.yaml, field 'train': is missing (add a line `train: ...`)"),
    "empty value": (GOOD.replace("a.jsonl", "''"), "x.yaml, field 'train': is missing"),
    "a number": (
        GOOD + "description: 7\n",
        "x.yaml, field 'description': must be text, not 7 (put the value in quotes)",
    ),
    "no": (GOOD + "source: no\n", "x.yaml, field 'source': must be text, not False"),
    "task": (GOOD.replace("open_qa", "qa"), "x.yaml, field 'task': there is no task 'qa' (one of open_qa, yes_no"),
    "corpus": (GOOD.replace("sample", "wiki"), "x.yaml, field 'corpus': there is no corpus 'wiki' (one of sample)"),
    "overlap": (GOOD + "overlap: keep\n", "x.yaml, field 'overlap': there is no overlap 'keep' (one of refuse, drop)"),
    "name": (GOOD + "name: y\n", "x.yaml, field 'name': says 'y', but the file's name is 'x'"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_entry(home: Path, text: str, message: str) -> None:
    entry(home, "benchmarks", "x", text)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        Registry.load(home)
    assert str(caught.value).startswith(str(home))


def test_a_metric_that_is_not_installed_refuses_its_benchmark_alone(home: Path) -> None:
    entry(home, "benchmarks", "x", GOOD + "metric: bleu\n")
    entry(home, "benchmarks", "y", GOOD)
    registry = Registry.load(home)
    assert registry.benchmark("y").metric == "accuracy" and registry.language_of("x") == "en"
    message = (
        r"field 'metric': there is no metric 'bleu' for the benchmark 'x' \(install .*benchmarks/x\.yaml.*accuracy"
    )
    with pytest.raises(InputError, match=message):
        registry.benchmark("x")


def test_bad_files_of_entries(home: Path) -> None:
    file = entry(home, "corpora", "bad name", "path: x.jsonl\n")
    with pytest.raises(InputError, match=r"field 'name': 'bad name' cannot be a name \(letters, digits"):
        Registry.load(home)
    file.unlink()
    file = home / "corpora" / "x.yml"
    file.write_text("path: x.jsonl\n")
    with pytest.raises(InputError, match=r"x\.yml: would not be read \(name it x\.yaml\)"):
        Registry.load(home)
    file.unlink()
    (home / "corpora" / "x.yaml").write_bytes(b"path: \xff\n")
    with pytest.raises(InputError, match=r"x\.yaml, line 1: not UTF-8: byte 0xff at offset 6"):
        Registry.load(home)


@pytest.mark.parametrize("name", ["sample", "Sample"])
def test_a_built_in_name_is_not_overridden(home: Path, name: str) -> None:
    entry(home, "corpora", name, "path: x.jsonl\n")
    with pytest.raises(
        InputError, match=rf"{name}\.yaml, field 'name': the name 'sample' is taken \(rename the file\)"
    ):
        Registry.load(home)


def test_adding(home: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    corpus = add_corpus(home, "mine", Path("corpus.jsonl"), "My: own – passages")
    assert (corpus.passages, corpus.file) == (2, home / "corpora" / "mine.yaml")
    added = add_benchmark(
        home, "mine-qa", task="open_qa", corpus="mine", train=Path("train.jsonl"), test=Path("test.jsonl"), metric="em"
    )
    assert (added.train_questions, added.test_questions, added.dropped) == (2, 2, 0)
    registry = Registry.load(home)
    assert registry.corpus("mine") == corpus.corpus
    assert registry.benchmark("mine-qa") == added.benchmark
    assert added.benchmark.metric == "exact_match"
    assert yaml.safe_load(added.file.read_text()) == {
        "task": "open_qa",
        "metric": "exact_match",
        "corpus": "mine",
        "train": str(data / "train.jsonl"),
        "test": str(data / "test.jsonl"),
        "overlap": "refuse",
    }


def test_the_metric_is_the_tasks_own_unless_given(home: Path, data: Path) -> None:
    files = data / "train.jsonl", data / "test.jsonl"
    assert (
        add_benchmark(home, "a", task="extractive_qa", corpus="sample", train=files[0], test=files[1]).benchmark.metric
        == "exact_match"
    )


@given(
    description=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20),
    answers=st.sampled_from(get_args(Answers)),
    overlap=st.sampled_from(get_args(Overlap)),
    columns=st.sampled_from((AS_IN_FILE, ColumnMap((("question", "a,b"),)))),
    log=st.sampled_from((None, *LOG_FORMATS)),
    up_from=st.none() | st.sampled_from((-1.0, 0.25, 4.0)),
    keep=st.booleans(),
    tested=st.booleans(),
)
def test_an_entry_gives_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, **drawn: Any) -> None:
    folder = tmp_path_factory.mktemp("entries")
    log, train = drawn["log"], folder / "train.jsonl"
    benchmark = Benchmark(
        name="mine",
        task="open_qa",
        metric="accuracy",
        corpus="sample",
        train=train,
        test=(train if log else folder / "test.jsonl") if drawn["tested"] else None,
        description=drawn["description"].strip(),
        answers="given" if log else drawn["answers"],
        overlap="refuse" if log else drawn["overlap"],
        source="",
        columns=drawn["columns"],
        log=log,
        up_from=drawn["up_from"] if log else None,
        keep_personal=drawn["keep"] and log is not None,
    )
    write_entry(folder / "benchmarks" / "mine.yaml", benchmark.fields)
    assert Registry.load(folder).benchmark("mine") == benchmark


@pytest.mark.parametrize(
    "corpus",
    [
        Corpus("mine", Path("/somewhere/passages.jsonl"), "Ours", 100, ColumnMap((("text", "body"),)), language="de"),
        Corpus("mine", None, retriever=RetrieverEntry("http://localhost/retrieve", "openai", "TOKEN", ids="text")),
        Corpus("mine", None, "Ours", retriever=RetrieverEntry(entry_point="ours.retrieval:make")),
    ],
)
def test_a_corpus_entry_gives_back_what_was_written(home: Path, corpus: Corpus) -> None:
    write_entry(home / "corpora" / "mine.yaml", corpus.fields)
    assert Registry.load(home).corpus("mine") == corpus


def test_replacing(home: Path, data: Path) -> None:
    add_corpus(home, "mine", data / "corpus.jsonl")
    before = contents(home)
    with pytest.raises(
        InputError, match=r"the name 'mine' is taken by .*mine\.yaml \(choose another name, or .*--replace"
    ):
        add_corpus(home, "mine", data / "corpus.jsonl", "again")
    with pytest.raises(InputError, match="the name 'mine' is taken by"):
        add_corpus(home, "MINE", data / "corpus.jsonl", "again", replace=True)
    with pytest.raises(InputError, match="there is no such file"):
        add_corpus(home, "mine", data / "none.jsonl", replace=True)
    assert contents(home) == before
    add_corpus(home, "mine", data / "corpus.jsonl", "again", replace=True)
    assert Registry.load(home).corpus("mine").description == "again"
    with pytest.raises(InputError, match="the name 'sample' is built in"):
        add_corpus(home, "sample", data / "corpus.jsonl", replace=True)


@pytest.mark.parametrize("there", [False, True], ids=["fresh home", "home in use"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "../x"}, "field 'name': '../x' cannot be a name"),
        ({"name": "sample_nq"}, "the name 'sample_nq' is built in"),
        ({"task": "qa"}, "field 'task': there is no task 'qa'"),
        ({"metric": "bleu"}, "field 'metric': there is no metric 'bleu'"),
        ({"corpus": "wiki"}, "field 'corpus': there is no corpus 'wiki' (one of sample"),
        ({"train": "none.jsonl"}, "none.jsonl: there is no such file"),
        ({"test": "empty.jsonl"}, "empty.jsonl: holds no rows"),
        ({"test": "broken.jsonl"}, "broken.jsonl, line 1: broken JSON"),
        ({"task": "yes_no"}, "train.jsonl, line 1, field 'golden_answers': 'x' is no answer to a yes_no question"),
        (
            {"test": "shared.jsonl"},
            "train.jsonl, line 2, field 'question': 'When?' (id train_1) is a test question too: {data}/shared.jsonl, "
            "line 1, id shared_0 (take shared questions out of one split",
        ),
        (
            {"test": "train.jsonl"},
            "'Who wrote it?' (id train_0) is a test question too: {data}/train.jsonl, line 1, id train_0; "
            "2 training questions are (take",
        ),
    ],
)
def test_nothing_changes_when_anything_is_wrong(
    home: Path, data: Path, there: bool, change: dict[str, str], message: str
) -> None:
    write_split(data / "shared.jsonl", "the WHEN", "Why?")
    (data / "empty.jsonl").write_text("")
    (data / "broken.jsonl").write_text("{")
    if there:
        add_corpus(home, "mine", data / "corpus.jsonl")
    before = contents(home)
    given = {"name": "x", "task": "open_qa", "corpus": "sample", "train": "train.jsonl", "test": "test.jsonl", **change}
    with pytest.raises(WbragError, match=re.escape(message.format(data=data))) as caught:
        add_benchmark(
            home,
            given["name"],
            task=given["task"],
            corpus=given["corpus"],
            train=data / given["train"],
            test=data / given["test"],
            metric=given.get("metric"),
        )
    assert caught.value.exit_code == 2
    assert contents(home) == before
    assert home.exists() is there


def test_shared_questions_can_be_dropped_and_are_checked_at_each_reading(home: Path, data: Path) -> None:
    write_split(data / "test.jsonl", "when", "Why?")
    files = data / "train.jsonl", data / "test.jsonl"
    added = add_benchmark(home, "a", task="open_qa", corpus="sample", overlap="drop", train=files[0], test=files[1])
    assert (added.train_questions, added.test_questions, added.dropped) == (1, 2, 1)
    registry = Registry.load(home)
    assert registry.splits("a").train.head(5)["question"].to_list() == ["Who wrote it?"]

    write_split(data / "test.jsonl", "when", "who wrote it")
    with pytest.raises(InputError, match=r"train\.jsonl, field 'question': every training question is a test question"):
        registry.splits("a")

    write_split(data / "test.jsonl", "Why?")
    add_benchmark(home, "b", task="open_qa", corpus="sample", train=files[0], test=files[1])
    write_split(data / "test.jsonl", "when")
    with pytest.raises(InputError, match="is a test question too"):
        Registry.load(home).splits("b")


def test_gold_answers_are_canonical(home: Path, data: Path) -> None:
    write_split(data / "train.jsonl", "Is it so?", answer="yes")
    write_split(data / "test.jsonl", "Is it not?", answer="FALSE")
    files = data / "train.jsonl", data / "test.jsonl"
    added = add_benchmark(home, "a", task="yes_no", corpus="sample", train=files[0], test=files[1])
    splits = read_splits(added.benchmark)
    assert splits.train["golden_answers"].to_list() == [["True"]]
    assert Registry.load(home).splits("a").test["golden_answers"].to_list() == [["False"]]
    assert isinstance(splits.test, pl.DataFrame)


def test_an_entry_whose_data_moved_leaves_the_others_alone(home: Path, data: Path) -> None:
    add_corpus(home, "mine", data / "corpus.jsonl")
    (data / "corpus.jsonl").unlink()
    registry = Registry.load(home)
    with pytest.raises(InputError, match=r"corpus\.jsonl: there is no such file"):
        registry.passages("mine")
    assert registry.benchmark("sample_nq").corpus == "sample"


def test_loading_grows_with_the_number_of_entries_and_not_with_its_square(home: Path, data: Path) -> None:
    def calls_with(entries: int) -> int:
        for number in range(entries):
            entry(home, "corpora", f"c{number:04d}", f"path: {data}/corpus.jsonl\n")
        made = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal made
            made += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            Registry.load(home)
        finally:
            sys.setprofile(None)
        return made

    few, many, most = calls_with(0), calls_with(60), calls_with(120)
    assert most - many < 1.3 * (many - few)
