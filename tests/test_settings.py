"""Every setting, field by field: where it can be given, where it is told of, and that it overwrites no other's table.

And the names in paths: no two things share one.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import typer
from hypothesis import assume, example, given
from hypothesis import strategies as st

from docs_reference import settings as settings_page
from resources.deployment import Deployment, run_config
from wbrag_pipeline.checked_model import Setting
from wbrag_pipeline.cli import app
from wbrag_pipeline.commands.options import settings_of
from wbrag_pipeline.datasets.registry import check_name
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.home import CORPUS_TABLES, SOURCE_TABLES, Home, Owner, path_name
from wbrag_pipeline.settings import TABLES_IN_ORDER, Settings, all_settings

# Why these change no table.
CHANGES_NO_TABLE = {
    "home": "where the tables are",
    "remote": "it says where releases are shared, and no table is",
    "seed": "only intervals are drawn with it, and they are figures of a table that stays as it is",
    "skip_bad": "a corpus has one table, whatever reads it; what was left out is told where it is read",
    "failure_share": "it says whether a stage ends in an error, which stores nothing",
    "reasoning_tokens": "it says which calls fail; an answer that is there is the same with more room",
    "prices": "it says what calls cost, and is a file of the user's",
    "max_tokens": "it says when a run stops, and a stage that stops stores nothing",
    "max_cost": "it says when a run stops, and a stage that stops stores nothing",
    "webserver": "it says who is told of new entries of the registry",
    "refresh_cron": "it says when a refresh runs, not what it does",
    "owners": "they are shown, and decide nothing",
    "workers": "vectors are the same bytes wherever they are computed",
}
# A release tells how it was made, not where, nor what it might have cost.
NOT_RECORDED = ("home", "remote", "prices", "max_tokens", "max_cost", "webserver", "refresh_cron", "owners", "workers")
# Texts of any wording are taken; a method is looked up where it is used.
TAKES_ANYTHING = ("home", "prices", "encoder", "generator", "method", "private", "index")
# Dagster reads these when it loads the code location.
TAKES_ANYTHING += ("webserver", "refresh_cron", "owners")

SETTINGS = all_settings()
each_setting = pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
each_content_setting = pytest.mark.parametrize(
    "setting", [setting for setting in SETTINGS if setting.changes], ids=lambda setting: setting.name
)


def another_value(setting: Setting) -> Any:
    """A value that is not the default."""
    if setting.name == "home":
        return Path("/srv/elsewhere")
    if found := {
        "method": "hyde+replug",
        "private": "email",
        "validation_share": 0.5,
        "store": "lancedb",
        "index": "flat",
        "search": "hybrid",
        "remote": "s3://bucket/knowledge",
        "workers": "ray:10.0.0.1:6379",
        "engine_arguments": '{"seed": 1}',
    }.get(setting.name):
        return found
    if setting.choices:
        return next(choice for choice in setting.choices if choice != setting.default)
    made: dict[type, Callable[[], Any]] = {
        bool: lambda: not setting.default,
        int: lambda: (setting.default or 0) + 3,
        float: lambda: (setting.default or 1.0) / 2,
        Path: lambda: Path("/srv/prices.yaml"),
        str: lambda: f"{setting.default}other",
    }
    return made[setting.kind]()


def values_of(setting: Setting) -> st.SearchStrategy[Any]:
    """All values that a setting can take."""
    if setting.name == "store":
        return st.sampled_from(["faiss", "lancedb", "lancedb:/v", "lancedb:s3://b/v", "qdrant:/v", "qdrant:http://h:1"])
    if setting.name == "engine_arguments":
        return st.dictionaries(st.text(), st.integers() | st.text()).map(json.dumps)
    if setting.name == "remote":
        return st.sampled_from(["", "s3://b/p", "gs://b", "az://a/c/p", "file:///mnt/shared"])
    text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
    kinds: dict[type, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.integers(1, 4 if setting.name == "num_fewshot" else 10**6),
        float: st.floats(0, 0.5),
        str: st.sampled_from(setting.choices) if setting.choices else text,
    }
    found = kinds[setting.kind]
    return st.none() | found if setting.default is None else found


# Every place where a setting can be given.


@each_setting
def test_it_has_a_flag_of_wbrag_run_or_says_why_not(setting: Setting) -> None:
    command = typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]
    flags = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
    wanted = {*setting.flag.split("/"), *filter(None, [setting.short])}
    assert wanted <= flags if not setting.no_flag else not wanted & flags and len(setting.no_flag) > 10
    if not setting.no_flag:
        (told,) = (option.help for option in command.params if setting.name == option.name)
        assert setting.description in told and setting.variable in told


@each_setting
def test_its_environment_variable_is_read(setting: Setting) -> None:
    value = another_value(setting)
    found = Settings.from_environment({setting.variable: str(value)})
    assert getattr(found, setting.name) == value
    assert Settings.from_environment({setting.variable: ""}).record() == Settings().record()


@each_setting
def test_a_value_that_it_cannot_take_is_an_error_that_names_the_variable(setting: Setting) -> None:
    if setting.name in TAKES_ANYTHING:
        assert setting.kind in (str, Path) and not setting.choices
        return
    with pytest.raises(InputError) as caught:
        Settings.from_environment({setting.variable: "plenty"})
    assert caught.value.field == setting.variable
    # An address may hold a password, and arguments a key, so they are not repeated.
    assert ("plenty" in caught.value.problem) == (setting.name not in ("store", "remote", "engine_arguments"))
    with pytest.raises(InputError) as caught:
        Settings(**{setting.name: "plenty"})
    assert caught.value.field == setting.name


@each_setting
def test_a_flag_wins_over_its_variable(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    value = another_value(setting)
    monkeypatch.setenv(setting.variable, str(setting.default or 5))
    assert getattr(settings_of(**{setting.name: value}), setting.name) == value


@each_setting
def test_it_is_a_field_of_the_dagster_resource(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    value = another_value(setting)
    given = str(value) if isinstance(value, Path) else value
    assert getattr(Deployment(**{setting.name: given}).settings, setting.name) == value
    monkeypatch.setenv(setting.variable, str(value))
    assert getattr(Deployment().settings, setting.name) == value
    # And what a command passes on to a run arrives whole.
    settings = Settings(**{"home": Path("/srv/elsewhere"), setting.name: value})
    monkeypatch.delenv(setting.variable)
    assert Deployment(**run_config(settings)["config"]).settings == settings


@each_setting
def test_it_has_a_line_on_the_settings_page(setting: Setting) -> None:
    (line,) = (row for row in settings_page.page().splitlines() if row.startswith(f"| `{setting.name}` |"))
    assert setting.description in line and f"`{setting.variable}`" in line
    assert (f"Changes `{setting.changes}`" in line) == bool(setting.changes)


# What a release records.


@each_setting
def test_a_release_records_it_and_gives_it_back(setting: Setting) -> None:
    value = another_value(setting)
    settings = Settings(**{setting.name: value})
    record = settings.record()
    assert (setting.name in record) == (setting.name not in NOT_RECORDED)
    back = Settings(home=Path("/elsewhere")).recorded(record)
    assert back.home == Path("/elsewhere") and back.record() == record
    if setting.name not in NOT_RECORDED:
        assert getattr(back, setting.name) == value


def test_what_was_not_recorded_stays_as_it_is() -> None:
    settings = Settings(top_k=7, method="replug")
    assert settings.recorded({"top_k": 3, "of_a_later_version": 1}) == settings.with_(top_k=3)


# No setting overwrites what another one made.


def test_every_setting_changes_a_table_or_there_is_a_reason() -> None:
    assert {setting.name for setting in SETTINGS if not setting.changes} == set(CHANGES_NO_TABLE)
    assert {setting.changes for setting in SETTINGS if setting.changes} <= set(TABLES_IN_ORDER)
    assert set(Settings.model_fields) == {setting.name for setting in SETTINGS}


@each_content_setting
@given(data=st.data())
def test_two_values_of_a_setting_never_share_a_table(setting: Setting, data: st.DataObject) -> None:
    one, other = data.draw(values_of(setting)), data.draw(values_of(setting))
    assume(one != other)
    first, second = Settings(**{setting.name: one}), Settings(**{setting.name: other})
    for table in TABLES_IN_ORDER[TABLES_IN_ORDER.index(setting.changes) :]:
        assert first.table(table, "towns") != second.table(table, "towns"), table
    assert first.report("towns") != second.report("towns")


@given(data=st.data())
def test_settings_that_differ_never_share_a_table(data: st.DataObject) -> None:
    content = [setting for setting in SETTINGS if setting.changes]
    some = st.fixed_dictionaries({}, optional={setting.name: values_of(setting) for setting in content})
    first, second = Settings(**data.draw(some)), Settings(**data.draw(some))
    for table in TABLES_IN_ORDER:
        place = TABLES_IN_ORDER.index(table)
        names = [setting.name for setting in content if TABLES_IN_ORDER.index(setting.changes) <= place]
        if any(getattr(first, name) != getattr(second, name) for name in names):
            assert first.table(table, "towns") != second.table(table, "towns"), table
        for settings in (first, second):
            assert len(settings.variant_of(table)) <= 180


@each_setting
def test_a_setting_changes_no_earlier_table_than_it_says(setting: Setting) -> None:
    first, second = Settings(), Settings(**{setting.name: another_value(setting)})
    place = TABLES_IN_ORDER.index(setting.changes) if setting.changes else len(TABLES_IN_ORDER)
    # The retrievals are apart by what decides them: how deep is searched, and what changes the questions.
    derived = {"retrievals"} if setting.name in ("method", "top_k", "rescue_depth") else set()
    for table in set(TABLES_IN_ORDER[:place]) - derived:
        assert first.variant_of(table) == second.variant_of(table), table
    for table in CORPUS_TABLES:
        differs = setting.name in ("encoder", "store", "index", "search") and table not in SOURCE_TABLES
        assert (first.variant_of(table) != second.variant_of(table)) == differs


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({}, {"top_k": 7}, True),  # searched down to rank 20 in both
        ({}, {"top_k": 21}, False),
        ({}, {"rescue_depth": 30}, False),
        ({"top_k": 20}, {"rescue_depth": 0, "top_k": 20}, True),
        ({}, {"method": "replug"}, True),
        ({}, {"method": "hyde+naive"}, False),
        ({"method": "hyde+naive"}, {"method": "hyde+flare"}, True),
        ({"method": "hyde+naive"}, {"method": "hyde:question=no+naive"}, False),
        ({"method": "hyde+naive"}, {"method": "hyde+upper+naive"}, False),
        ({"method": "hyde+naive"}, {"method": "hyde+naive", "generator": "vllm:m"}, False),
        ({"method": "hyde+naive"}, {"method": "hyde+naive", "engine_arguments": '{"seed": 1}'}, False),
        # The reader's HyDE fuses the top K.
        ({"method": "hyde+naive"}, {"method": "hyde+naive", "top_k": 3}, False),
        ({}, {"generator": "vllm:m"}, True),
    ],
)
def test_retrievals_are_shared_where_nothing_that_decides_them_differs(
    one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    paths = [Settings(**given).table("retrievals", "towns") for given in (one, other)]
    assert (paths[0] == paths[1]) is same


# Names in paths.

NAMES = st.text(st.sampled_from("ab/-.:@~ _甲é"), min_size=1, max_size=8) | st.text(min_size=1, max_size=120)


@given(NAMES, NAMES)
@example("vllm:org/model", "vllm:org-model")
@example("my encoder", "my-encoder")
@example("org/模型甲", "org/模型乙")
@example("a/-b", "a-/b")
@example("a//b", "a/b")
@example("a/b", "a--b")
@example("Model", "Model.")
@example("x", "x/")
@example("a b", path_name("a b"))
@example("甲", path_name("甲"))
@example("a" * 100, "a" * 101)
def test_different_names_are_different_path_components(one: str, other: str) -> None:
    assert (path_name(one) == path_name(other)) == (one == other)


@given(NAMES)
@example("openai:" + ",".join(f"http://10.0.0.{n}:8000/v1" for n in range(10)) + "#org/model")
@example("..")
def test_a_path_component_is_short_and_safe_everywhere(name: str) -> None:
    found = path_name(name)
    assert 0 < len(found) <= 90 and found.isascii()
    assert not set(found) & set('/\\:*?"<>|~ ') and found.strip(".") == found and Path(found).name == found


def test_engines_with_long_names_have_a_folder_that_a_file_system_takes() -> None:
    long = Settings(encoder="e/" * 60, generator="openai:" + "u" * 200, method="hyde+flare:theta=" + "9" * 80)
    for path in (long.releases("towns"), long.report("towns"), long.table("evaluation", "towns")):
        assert max(len(part) for part in path.parts) <= 200
    # What is served is found by the encoder's name alone.
    assert long.variant.startswith(path_name(long.encoder) + "~")
    assert long.variant != long.with_(method="hyde+flare:theta=" + "9" * 81).variant


# From a path back to whose it is.

AMBIGUOUS = ("tables", "indexes", "passages", "releases", "evaluation", "reports", "results", "corpus_changes")


@pytest.mark.parametrize("name", [*AMBIGUOUS, "towns", "a.parquet", "a.html.b", "of-2026", "x" * 64])
def test_the_owner_of_a_path_is_who_it_was_made_for(name: str) -> None:
    check_name(name)
    home, settings = Home(Path("/home/passages/tables")), Settings(home=Path("/home/passages/tables"))
    corpus, benchmark = Owner(corpus=path_name(name)), Owner(benchmark=path_name(name))
    for table in (*CORPUS_TABLES, *TABLES_IN_ORDER):
        for variant in ("", settings.variant_of(table), "tables", "releases"):
            assert home.owner(home.table(table, variant, name)) == (corpus if table in CORPUS_TABLES else benchmark)
    assert home.owner(home.source_note(name)) == corpus
    for encoder in (settings.encoder, *AMBIGUOUS):
        states = home.corpus_index(name, encoder)
        for file in (states / "current.json", states / "3f9a" / "passages.parquet", states / "3f9a" / "index.faiss"):
            assert home.owner(file) == corpus
    for variant in (settings.variant, *AMBIGUOUS):
        releases = home.releases(variant, name)
        for file in (releases / "CURRENT", releases / "r000001" / "units.parquet"):
            assert home.owner(file) == benchmark
        assert home.owner(home.report(variant, name)) == benchmark
        assert home.owner(home.report(variant, name).with_suffix(".md")) == benchmark


def test_what_belongs_to_all_has_no_owner() -> None:
    home = Home(Path("/home/passages/tables"))
    for file in (home.embeddings / "part" / "vectors.bin", home.completions, home.lineage / "events" / "units.parquet"):
        assert home.owner(file) == Owner()
    assert home.owner(Path("/elsewhere/tables/passages/towns.parquet")) == Owner()


def test_no_corpus_can_have_the_name_of_the_folder_of_vectors() -> None:
    with pytest.raises(InputError, match="folder of the home"):
        check_name("embeddings")


def test_the_kinds_of_values_are_those_that_this_file_knows() -> None:
    assert {setting.kind for setting in SETTINGS} <= {bool, int, float, str, Path}
    assert inspect.get_annotations(Settings, eval_str=True)["scorer"] == Literal["gold", "judge"]
