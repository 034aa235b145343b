"""Who may be at work beside whom; each test holds the locks by real processes or threads."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wbrag_pipeline.errors import BusyError
from wbrag_pipeline.home import Home
from wbrag_pipeline.run_locks import WHOLE_HOME, at_work, benchmark_lock, corpus_lock, holders, known_to_live

NQ, ON_WIKI = [benchmark_lock("v", "nq")], [corpus_lock("wiki")]
ANOTHER = """
import sys
from pathlib import Path
from wbrag_pipeline.home import Home
from wbrag_pipeline.run_locks import at_work
with at_work(Home(Path(sys.argv[1])), "another process", shared=["corpus wiki"]):
    print("in", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


class Begun:
    """A thread that is at work, or waits to be."""

    def __init__(self, home: Home, doing: str, **locks: list[str] | str) -> None:
        self.inside, self.leave, self.told = threading.Event(), threading.Event(), threading.Event()
        self.sentences: list[str] = []

        def tell(sentence: str) -> None:
            self.sentences.append(sentence)
            self.told.set()

        def work() -> None:
            with at_work(home, doing, tell=tell, **locks):  # type: ignore[arg-type]
                self.inside.set()
                self.leave.wait()

        self.thread = threading.Thread(target=work)
        self.thread.start()

    def waits(self) -> bool:
        """Whether it has said so, and is not inside."""
        return self.told.wait(900) and not self.inside.is_set()

    def works(self) -> bool:
        return self.inside.wait(900)

    def end(self) -> None:
        self.leave.set()
        self.thread.join()


@pytest.fixture
def begin(home: Home) -> Iterator[Callable[..., Begun]]:
    begun: list[Begun] = []

    def start(doing: str, **locks: list[str] | str) -> Begun:
        begun.append(Begun(home, doing, **locks))
        return begun[-1]

    yield start
    for one in begun:
        one.end()


def test_a_second_run_of_a_benchmark_waits_and_says_for_whom(begin: Callable[..., Begun]) -> None:
    first = begin("run one", run="1", alone=NQ, shared=ON_WIKI)
    assert first.works()
    second = begin("run two", run="2", alone=NQ, shared=ON_WIKI)
    assert second.waits() and second.sentences[0].startswith("run two waits for run one (process ")
    first.end()
    assert second.works()


def test_two_benchmarks_over_one_corpus_train_side_by_side(begin: Callable[..., Begun]) -> None:
    assert begin("one", alone=NQ, shared=ON_WIKI).works()
    assert begin("two", alone=[benchmark_lock("v", "fever")], shared=ON_WIKI).works()
    assert begin("three", alone=[benchmark_lock("w", "nq")], shared=ON_WIKI).works()


def test_a_refresh_waits_for_trainings_on_its_corpus_alone(begin: Callable[..., Begun]) -> None:
    training = begin("training", alone=NQ, shared=ON_WIKI)
    assert training.works()
    assert begin("refresh of another", alone=[corpus_lock("docs")]).works()
    refresh = begin("refresh", alone=ON_WIKI)
    assert refresh.waits()
    training.end()
    assert refresh.works()


def test_forgetting_waits_for_everybody_and_everybody_waits_for_it(begin: Callable[..., Begun]) -> None:
    asking = begin("wbrag ask")
    assert asking.works()
    forgetting = begin("wbrag forget", alone=[WHOLE_HOME])
    assert forgetting.waits()
    # Whoever comes later stands behind it, though it would not disturb who is inside: forgetting never starves.
    later = begin("training", alone=NQ, shared=ON_WIKI)
    assert later.waits() and "wbrag forget" in later.sentences[0]
    asking.end()
    assert forgetting.works() and not later.inside.is_set()
    forgetting.end()
    assert later.works()


def test_processes_of_one_run_do_not_wait_for_each_other(begin: Callable[..., Begun]) -> None:
    assert begin("step one", run="r", alone=NQ).works()
    assert begin("step two", run="r", alone=NQ).works()


def test_a_run_that_is_known_to_live_and_not_at_work_yet_is_waited_for_by_nobody(
    home: Home, begin: Callable[..., Begun]
) -> None:
    """Else it would wait for a forgetting that came in between, and that for the run."""
    with known_to_live(home, "a run", "r"):
        assert [holder.run for holder in holders(home)] == ["r"]
        forgetting = begin("wbrag forget", alone=[WHOLE_HOME])
        assert forgetting.works()
        run = begin("a run", run="r", alone=NQ)
        assert run.waits()
        forgetting.end()
        assert run.works()
        assert [holder.alone for holder in holders(home)] == [tuple(NQ)], "a run is told of once"
    assert run.works()


def test_not_to_wait_names_who_is_at_work(home: Home, begin: Callable[..., Begun]) -> None:
    assert begin("run 3f9a of nq", alone=NQ).works()
    forgetting = at_work(home, "wbrag forget", alone=[WHOLE_HOME], wait=False)
    with pytest.raises(BusyError, match=r"wbrag forget must wait for run 3f9a of nq \(process \d+ on .+, since 2"):
        forgetting.__enter__()
    assert [holder.doing for holder in holders(home)] == ["run 3f9a of nq"]


def test_a_thread_does_not_wait_for_itself(home: Home) -> None:
    forgetting = at_work(home, "wbrag forget", alone=[WHOLE_HOME])
    with at_work(home, "training", alone=NQ), pytest.raises(BusyError, match="must wait for training"):
        forgetting.__enter__()
    assert holders(home) == []


@contextmanager
def another_process(home: Home) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", ANOTHER, str(home.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "in\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_killed_process_holds_nothing(home: Home, begin: Callable[..., Begun]) -> None:
    with another_process(home) as process:
        refresh = begin("refresh", alone=ON_WIKI)
        assert refresh.waits() and f"another process (process {process.pid} on" in refresh.sentences[0]
    assert refresh.works()
    refresh.end()
    with at_work(home, "next"):
        assert [holder.doing for holder in holders(home)] == ["next"]
    assert [path.name for path in home.locks.iterdir()] == [".lock"]  # also the killed one's file


def test_a_damaged_file_of_a_killed_process_is_no_obstacle(home: Home) -> None:
    home.locks.mkdir()
    (home.locks / "000004-17.json").write_text('{"doing": "ha', encoding="utf-8")
    with at_work(home, "next", alone=[WHOLE_HOME]):
        assert [holder.doing for holder in holders(home)] == ["next"]


def test_a_file_that_cannot_be_removed_is_no_lock_any_more(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, missing_ok: bool = False) -> None:
        raise OSError("read-only file system")

    ended = at_work(home, "first", alone=[WHOLE_HOME])
    ended.__enter__()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        with pytest.raises(OSError, match="read-only"):
            ended.__exit__(None, None, None)
    with at_work(home, "second", alone=[WHOLE_HOME], wait=False):
        assert [holder.doing for holder in holders(home)] == ["second"]
