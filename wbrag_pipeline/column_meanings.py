"""What the stored tables and their columns mean, one sentence each.

``tables`` has the schemas. Most columns mean the same wherever they are; one that means something else in one table is
given with the table's name, as ``gated_docs.score``.
"""

from __future__ import annotations

TABLES = {
    "passages": "A corpus: one row per passage.",
    "shown": "What a retriever of your own showed for each question: one row per question and passage.",
    "shown_later": "What it showed since for questions that a method asked in the middle of an answer.",
    "corpus_changes": "What changed in a corpus since the state that is served: one row per changed passage.",
    "retired_units": "Served units whose sources changed, of any variant, and what became of them.",
    "split": "The questions of one split, as they are read from its file.",
    "labelled": "The questions of one split with what their answers are worth.",
    "questions": "All questions of a benchmark as a run uses them.",
    "retrievals": "The passages that the corpus alone gives for each training question.",
    "utility_scores": "How well each training question is answered without retrieval and with the top K passages.",
    "passage_scores": "How well a question is answered from a single passage: one row per passage that was read alone.",
    "gated_docs": "The decisions of both gates: one row per passage that was read alone, of a question that trains.",
    "knowledge_units": "The units as they were distilled: one row per unit.",
    "curated_units": "Every unit with its final text and what curation decided; published ones are searched.",
    "evaluation": "The answers to the test questions without and with write-back: one row per question.",
}

COLUMNS = {
    "answer_no_retrieval": "Answer without passages.",
    "answer_rag": "Answer with the top K passages.",
    "answer_with": "Answer with the corpus and the units.",
    "answer_without": "Answer with the corpus alone.",
    "asked": "How many passages the retriever was asked for.",
    "benchmark": "Name of the benchmark.",
    "change": "`added`, `updated`, `relabelled` or `deleted`.",
    "content_hash": "SHA-256 of title and text; a passage that was moved or relabelled keeps it.",
    "cut_sentences": "Sentences that were removed because the sources do not support them.",
    "decision": "`kept` on what remains of its sources, `relabelled` or `retired`.",
    "distiller": "What wrote the text: the name of the generator.",
    "fallback": "Whether no passage passed the document gate and the first `n_min` by rank were taken.",
    "gate": "What let the question in: `utility`, the utility gate, or `rescue`, a passage below the top K.",
    "golden_answers": "The correct answers; each of them counts as correct.",
    "kept_by": "The unit, or `corpus:ID` for a passage, that a merged or superseded unit gave way to.",
    "known_from": "When the system first held the unit; null if unknown.",
    "known_until": "When the system stopped publishing it; null if it did not.",
    "label": "What the question is scored by: `gold`, a correct answer; `weak`, a logged answer that somebody found "
    "good; `synthetic`, an answer that a language model wrote with the question; `none`, no answer, or the generator's "
    "own verdict.",
    "labels": "Access labels; a reader sees it only with all of them, and without labels it is for everybody. Sorted.",
    "new_hash": "Content hash after the change; null if deleted.",
    "old_hash": "Content hash before the change; null if added.",
    "passage_id": "Id of the passage, unique in its corpus.",
    "passages_with": "Passages and units in rank order, with their origin: `corpus:17`, `writeback:u_3f…`.",
    "passages_without": "Passages in rank order, with their origin: `corpus:17`.",
    "prompt_version": "Version of the prompts, or of the extractive distiller.",
    "question": "The question.",
    "question_id": "Id of the question, unique in its file.",
    "question_ids": "All training questions that the unit now represents, after merging.",
    "rank": "Place among the retrieved passages of the question, from 1.",
    "reason": "Why this was decided, in words.",
    "retained": "Whether the passage goes to the distiller.",
    "said_at": "When the document made its statements; null if unknown.",
    "score": "Inner product of the vectors of question and passage.",
    "score_no_retrieval": "Score of the answer without passages, in [0, 1]; null if not asked or failed.",
    "score_rag": "Score of the answer with the top K passages, in [0, 1]; null if not asked or failed.",
    "score_with": "Score of the answer with write-back, in [0, 1].",
    "score_without": "Score of the answer without write-back, in [0, 1].",
    "source": "The document that the passage was cut from.",
    "source_hashes": "Content hashes of the sources, in the order of `source_passage_ids`.",
    "source_passage_ids": "Passages that the unit was made from, best rank first.",
    "source_tokens": "Tokens of all sources together.",
    "split": "`train`, `validation` (kept from training, to compare releases by) or `test`.",
    "standalone_score": "Score of the answer from this passage alone, in [0, 1]; null if the call failed.",
    "state": "`published`, `merged`, `superseded`, `flagged`, `quarantined` or `rejected`.",
    "status": "Of the standalone score: `scored` or `failed`.",
    "status_no_retrieval": "`scored`, `failed`, or `not_asked` because the score could change no decision.",
    "status_rag": "`scored`, `failed`, or `not_asked` because the score could change no decision.",
    "status_with": "`scored` or `failed`; if either side failed, both scores are 0.",
    "status_without": "`scored` or `failed`; if either side failed, both scores are 0.",
    "text": "The text.",
    "title": "The title.",
    "unit_id": "Id of the unit: a hash of its question, the contents of its sources, and its text.",
    "unit_tokens": "Tokens of title and text of the unit.",
    "valid_from": "When the sources first said it; null if unknown.",
    "valid_until": "When a later document said otherwise; null if none did.",
    "variant": "Encoder, generator and method with which the unit was made.",
    "written_by": "`generator`, `generator_repaired` (second try) or `extractive_fallback` (neither try usable).",
    "curated_units.question": "The training question that the unit was made for.",
    "curated_units.question_id": "Id of the training question that the unit was made for.",
    "curated_units.text": "The final text, without `cut_sentences`.",
    "curated_units.source_passage_ids": "Passages that the unit was made from, and those of units merged into it.",
    "curated_units.source_hashes": "Content hashes of the sources, in the order of `source_passage_ids`.",
    "curated_units.labels": "Labels of all its sources; a reader must have all of them. Sorted.",
    "gated_docs.score": "Score of the retriever: inner product of the vectors of question and passage.",
    "knowledge_units.question": "The training question that the unit was made for.",
    "knowledge_units.question_id": "Id of the training question that the unit was made for.",
    "knowledge_units.labels": "Labels of all its sources; a reader must have all of them. Sorted.",
    "utility_scores.score_no_retrieval": "`s_nr`, the score of the answer without passages; null unless scored.",
    "utility_scores.score_rag": "`s_rag`, the score of the answer with the top K passages; null unless scored.",
}


def meaning(table: str, column: str) -> str:
    """The sentence on a column. Raises KeyError for a column that has none."""
    return COLUMNS.get(f"{table}.{column}") or COLUMNS[column]
