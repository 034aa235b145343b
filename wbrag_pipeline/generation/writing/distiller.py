"""The paper's distiller (section 3.4) on a language model: evidence word for word, then one encyclopedic unit.

What the model returns is believed only where it can be checked: evidence lines must stand in the passages, and a
unit must look like one. It gets one chance to repair a unit; then the extractive distiller writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wbrag_pipeline.generation.accounts.recorded_engine import RecordedEngine
from wbrag_pipeline.generation.engine_protocol import Completion, Message, Request
from wbrag_pipeline.generation.fitting import ask_fitting
from wbrag_pipeline.generation.generator import Distillate, Passage, Usage
from wbrag_pipeline.generation.text_engine import estimated_tokens
from wbrag_pipeline.generation.writing import prompts
from wbrag_pipeline.generation.writing.unit_faults import counted_by_kind
from wbrag_pipeline.generation.writing.unit_format import Draft, extracted, read_unit, verbatim
from wbrag_pipeline.languages import ENGLISH
from wbrag_pipeline.sentences import split_sentences

# The most; what is copied word for word is moreover no longer than what it is copied from.
_EVIDENCE_TOKENS, _UNIT_TOKENS = 768, 256
# Tokens of a vocabulary to one of our estimate, at the most; and room for NONE and the like.
_TOKENS_A_PIECE, _MARGIN = 2, 32


@dataclass(frozen=True)
class TwoStepDistiller:
    """Distils batches through ``asker``; ``count_tokens`` measures the extractive units.

    num_fewshot: 0, or the prompts have an example. language: of the texts, and so of the units.
    """

    asker: RecordedEngine
    count_tokens: Callable[[Sequence[str]], list[int]]
    num_fewshot: int = 0
    language: str = ENGLISH

    def distill(self, questions: Sequence[str], passages: Sequence[Sequence[Passage]]) -> list[Distillate]:
        """One unit a question, in order; ``failed`` where the engine failed for good, "" where there is no passage.

        Neither is an incident of its own: failed calls are counted as such, and without a passage nothing was asked.
        """
        units = {i: Distillate("", "") for i, row in enumerate(passages) if not row}
        evidence = self._evidence(questions, passages, units)
        asked = {
            i: prompts.to_write_in(self.language, prompts.rewrite_prompt(lines, self.num_fewshot))
            for i, lines in evidence.items()
        }
        drafts = self._write(asked, "writing units")
        repairs: dict[int, tuple[Message, ...]] = {}
        lent = 0
        for i, draft in drafts.items():
            read = self._read(draft, questions[i], passages[i])
            if draft.failed:
                units[i] = Distillate("", "", failed=True)
            elif read.problems and draft.text.strip():
                repairs[i] = prompts.repair_prompt(asked[i], draft.text, read.problems)
            elif not read.problems:
                units[i] = read.unit
                lent += read.title_lent
        for i, draft in self._write(repairs, "repairing units").items():
            read = self._read(draft, questions[i], passages[i])
            if not read.problems and not draft.failed:
                units[i] = replace(read.unit, written_by="generator_repaired")
                lent += read.title_lent
        for i in range(len(questions)):
            if i not in units:
                units[i] = extracted(questions[i], passages[i], self.count_tokens, self.language)
        writers = [unit.written_by for unit in units.values()]
        repaired, extractive = writers.count("generator_repaired"), writers.count("extractive_fallback")
        self.asker.count(Usage(units_repaired=repaired, units_extractive=extractive, titles_lent=lent))
        return [units[i] for i in range(len(questions))]

    def _evidence(
        self, questions: Sequence[str], passages: Sequence[Sequence[Passage]], units: dict[int, Distillate]
    ) -> dict[int, list[str]]:
        """Evidence sentences by row; rows whose call failed for good go to ``units`` instead."""
        rows = [i for i in range(len(questions)) if i not in units]
        found = ask_fitting(
            self.asker,
            [passages[i] for i in rows],
            lambda at, given: _extraction(questions[rows[at]], given, self.num_fewshot),
            "finding evidence",
        )
        evidence = {}
        spent = Usage(answers_cut=sum(completion.finish_reason == "length" for completion in found))
        for i, completion in zip(rows, found, strict=True):
            if completion.failed:
                units[i] = Distillate("", "", failed=True)
                continue
            evidence[i], rejected = verbatim(completion.text, passages[i])
            spent.evidence_rejected += rejected
            if not evidence[i]:
                selected = extracted(questions[i], passages[i], self.count_tokens, self.language)
                evidence[i] = split_sentences(selected.text, self.language)
                spent.evidence_selected += 1
        self.asker.count(spent)
        return evidence

    def _write(self, asked: dict[int, tuple[Message, ...]], label: str) -> dict[int, Completion]:
        # A prompt that does not fit comes back empty, and its unit is in the end an extractive one: counted there.
        requests = [Request(messages, _UNIT_TOKENS, end_loops=True) for messages in asked.values()]
        return dict(zip(asked, self.asker.ask(requests, label), strict=True))

    def _read(self, draft: Completion, question: str, passages: Sequence[Passage]) -> Draft:
        """The draft and what is wrong with it; faults are counted by kind, at each try."""
        if draft.failed or not draft.text.strip():
            return Draft(Distillate("", ""), ("it is empty",), ())
        read = read_unit(draft.text, question, passages, self.language)
        self.asker.count(counted_by_kind(read.faults))
        if draft.finish_reason == "length":  # not counted as cut: it is written again, or not used
            read = replace(read, problems=(*read.problems, "it is cut in the middle: write less"))
        return read


def _extraction(question: str, passages: Sequence[Passage], num_fewshot: int) -> Request:
    pieces = sum(estimated_tokens([passage.text for passage in passages]))
    room = min(_EVIDENCE_TOKENS, _TOKENS_A_PIECE * pieces + _MARGIN)
    # A model that lists the marks of passages instead of copying does not end at the last one.
    beyond = f"<passage {len(passages) + 1}"
    messages = prompts.extract_prompt(question, passages, num_fewshot)
    return Request(messages, room, stop=(beyond,), end_loops=True)
