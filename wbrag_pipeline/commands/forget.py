"""``wbrag forget``: take something away with everything that was made of it, and prove it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wbrag_pipeline.commands.console import note, say
from wbrag_pipeline.commands.options import with_settings
from wbrag_pipeline.errors import InputError

if TYPE_CHECKING:
    from wbrag_pipeline.settings import Settings


@with_settings("home")
def forget(
    kind: Annotated[str | None, typer.Argument(help="passage, source, unit or question.")] = None,
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids of passages, units or questions; names of sources.")
    ] = None,
    corpus: Annotated[str | None, typer.Option("--corpus", help="Whose passage, where several have the id.")] = None,
    benchmark: Annotated[
        str | None, typer.Option("--benchmark", "-b", help="Whose question, where several have the id.")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="train or test: whose question, where both have the id.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be forgotten.")] = False,
    json: Annotated[Path | None, typer.Option("--json", help="Write the certificate to this file too.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Finish one that was killed or found traces.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for runs that are at work, or stop and name them.")
    ] = True,
    *,
    settings: Settings,
) -> None:
    """Forget a passage, a source, a unit or a question, and everything derived from it; prints a certificate.

    It goes from tables, indexes, all releases, caches, lineage, reports, Dagster's records, the collections that wbrag
    publish wrote to and the remote that releases are shared by, and a search of the whole home proves it. Your own
    files are not changed, but nothing forgotten is read from them again. It waits for runs that are at work; runs that
    begin meanwhile wait for it. This cannot be undone: --dry-run shows before what would go.

    Example: wbrag forget passage 1041 --corpus handbook --json certificate.json
    """
    from wbrag_pipeline.datasets.registry import Registry
    from wbrag_pipeline.forgetting.forget import forget as forget_now
    from wbrag_pipeline.forgetting.forget import resume as resume_now
    from wbrag_pipeline.forgetting.question_splits import QUESTION_SPLITS
    from wbrag_pipeline.forgetting.stored_files import StoredFiles
    from wbrag_pipeline.forgetting.subject import SUBJECT_KINDS, find_subject

    if resume:
        if kind or ids:
            raise InputError("--resume takes no ids", hint="wbrag forget --resume")
        if dry_run:
            raise InputError("--dry-run says what would begin, and --resume finishes", hint="give one of the two")
        certificate = resume_now(settings, wait=wait, tell=note)
    else:
        found = next((known for known in SUBJECT_KINDS if known == kind), None)
        if found is None:
            raise InputError(
                f"{kind or 'nothing'} cannot be forgotten", field="kind", hint=f"one of {', '.join(SUBJECT_KINDS)}"
            )
        of_split = next((known for known in QUESTION_SPLITS if known == split), None)
        if split is not None and (of_split is None or found != "question"):
            raise InputError(f"{split!r} is no split of questions", field="--split", hint="question ID --split train")
        if not ids:
            raise InputError("no id is given", field="ids", hint=f"wbrag forget {found} ID")
        if dry_run:
            home = StoredFiles(settings, Registry.load(settings.home))
            subject = find_subject(home, found, ids, corpus, benchmark, of_split)
            say("To be forgotten, with everything that was made of it:")
            for line in subject.lines():
                say(" ".join(line.splitlines()))
            say("The completion cache will be emptied. Nothing was changed.")
            return
        certificate = forget_now(
            settings, found, ids, corpus=corpus, benchmark=benchmark, split=of_split, wait=wait, tell=note
        )
    if json is not None:
        certificate.write(json)
    for line in certificate.lines():
        say(" ".join(line.splitlines()))  # an id may hold line ends
    if certificate.not_withdrawn:
        raise typer.Exit(1)
