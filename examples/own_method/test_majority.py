"""The suite that every method keeps to, and a vote counted by hand."""

from wbrag_majority import MajorityVote

from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.generation.generator import Answer, Passage
from wbrag_pipeline.testing import MethodConformance


class TestMajority(MethodConformance):
    def make(self) -> MajorityVote:
        return MajorityVote()


class TestAnyVoteWins(MethodConformance):
    def make(self) -> MajorityVote:
        return MajorityVote(quorum=1)


class Echo:
    """Answers with the passages' texts, one after the other."""

    def answer(self, questions, passages, task):
        return [Answer(" ".join(passage.text for passage in row)) for row in passages]


def test_two_of_three_win() -> None:
    rows = [
        [Passage(str(n), "", text) for n, text in enumerate(said)] for said in (["Rome", "Oslo", "oslo."], ["a", "b"])
    ]
    answers = MajorityVote().answer(Echo(), ["Where?", "Which?"], rows, OPEN_QA)
    assert [answer.text for answer in answers] == ["Oslo", "a b"]
