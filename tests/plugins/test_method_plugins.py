"""RAG methods and query transforms of other packages: found by name, and told by name when they cannot be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.plugins.installing import Install, install
from tests.scripted import Scripted
from wbrag_pipeline.datasets.tasks import OPEN_QA
from wbrag_pipeline.errors import InputError
from wbrag_pipeline.generation.generator import Passage
from wbrag_pipeline.plugins import METHODS_GROUP, QUERY_TRANSFORMS_GROUP, plugins_of
from wbrag_pipeline.rag.hyde import Hyde
from wbrag_pipeline.rag.methods import METHODS, TRANSFORMS, method_named, plugin_fingerprint
from wbrag_pipeline.rag.naive import NaiveRag

__all__ = ["install"]  # a fixture

FIRST = '''
from dataclasses import dataclass
from wbrag_pipeline.rag import method_options

@dataclass(frozen=True)
class First:
    """The best passages alone."""

    count: int = 1
    mark: str = "plain"

    @property
    def name(self):
        return method_options.spell("first", self)

    @property
    def needs(self):
        return ()

    def answer(self, generator, questions, passages, task, retrieve=None):
        return generator.answer(questions, [row[: self.count] for row in passages], task)
'''
UPPER = """
from dataclasses import dataclass
from wbrag_pipeline.rag import method_options

@dataclass(frozen=True)
class Upper:
    method: object
    loud: bool = False

    @property
    def name(self):
        return method_options.spell("upper", self) + "+" + self.method.name

    @property
    def needs(self):
        return self.method.needs

    def query_vectors(self, generator, questions, search):
        return search.base.encoder.encode_queries([question.upper() for question in questions])

    def answer(self, generator, questions, passages, task, retrieve=None):
        return self.method.answer(generator, questions, passages, task, retrieve)
"""


@pytest.fixture
def first(install: Install) -> Path:
    return install("acme-rag", {METHODS_GROUP: {"first": "acme:First"}}, {"acme.py": FIRST})


def test_a_method_is_found_by_its_name_with_its_options(first: Path) -> None:
    assert method_named("first").name == "first"
    method = method_named("first:count=2")
    assert method.name == "first:count=2" and method_named(method.name) == method
    assert method_named("first:mark=bold, count=1").name == "first:mark=bold"
    generator = Scripted(lambda question, ids: ",".join(ids))
    (answer,) = method.answer(generator, ["?"], [[Passage(name, "", "") for name in "abc"]], OPEN_QA)
    assert answer.text == "a,b"
    assert method_named("hyde+first") == Hyde(method_named("first"))


def test_it_is_listed_where_a_name_is_unknown(first: Path) -> None:
    with pytest.raises(InputError, match=r"one of none, naive, replug, self_rag, flare, first, hyde\+naive"):
        method_named("frist")
    with pytest.raises(InputError, match=r"first has no option 'depth=2' \(it has count, mark\)"):
        method_named("first:depth=2")
    with pytest.raises(InputError, match="field 'count': must be a whole number, not 'two'"):
        method_named("first:count=two")


def test_a_query_transform_stands_before_any_method(install: Install) -> None:
    install("shout", {QUERY_TRANSFORMS_GROUP: {"upper": "shout:Upper"}}, {"shout.py": UPPER})
    for name in ("upper+naive", "upper:loud=yes+flare:theta=0.6"):
        assert method_named(name).name == name
    assert "upper" in TRANSFORMS and "upper" not in METHODS
    for name in ("upper", "upper+none", "naive+upper"):
        with pytest.raises(InputError, match="there is no RAG method"):
            method_named(name)


def test_looking_for_names_imports_no_plug_in(install: Install) -> None:
    install("bomb", {METHODS_GROUP: {"bomb": "bomb:Bomb"}}, {"bomb.py": "raise RuntimeError('imported')"})
    assert "bomb" in METHODS and "bomb" in list(METHODS) and len(METHODS) == len([*METHODS])
    assert method_named("naive") == NaiveRag()
    assert plugins_of({"method": "bomb"}) == {"method bomb": "bomb 1.0"}
    with pytest.raises(InputError):
        method_named("nothing")


BROKEN = {
    "import error": ("import no_such_library", "cannot be imported: ModuleNotFoundError: No module named 'no_such_lib"),
    "error at import": ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero"),
    "syntax error": ("class", "cannot be imported: SyntaxError"),
    "no such attribute": ("", "cannot be imported: AttributeError: module 'acme' has no attribute 'First'"),
    "no dataclass": ("class First: pass", "is no dataclass"),
    "an instance": (FIRST + "\nFirst = First()", "is no dataclass"),
    "no method": (FIRST.replace("def answer", "def reply"), "is no Method: it has no answer"),
    "another name": (FIRST.replace('spell("first"', 'spell("best"'), "must give 'first' as its name"),
    "name without options": (
        FIRST.replace('method_options.spell("first", self)', 'f"first {self.count}"'),
        "must give 'first'",
    ),
    "unknown needs": (FIRST.replace("return ()", 'return ("magic",)'), "needs magic, and an engine can have logprobs"),
    "no default possible": (FIRST.replace("count: int = 1", "count: int"), "cannot be made: TypeError"),
    "own error": (
        FIRST + "\n    def __post_init__(self):\n        raise ValueError('odd')\n",
        "cannot be made: ValueErr",
    ),
    "a transform": (
        FIRST + "\n    def query_vectors(self, generator, questions, search): ...\n",
        "belongs in the group",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_plug_in_is_named_with_its_distribution_and_what_to_do(install: Install, fault: str) -> None:
    source, said = BROKEN[fault]
    install("acme-rag", {METHODS_GROUP: {"first": "acme:First"}}, {"acme.py": source}, "2.1")
    with pytest.raises(InputError) as caught:
        method_named("first")
    message = str(caught.value)
    assert said in message
    assert message.startswith("field 'method': the plug-in 'first' ")
    assert "entry point first = acme:First of acme-rag 2.1" in message and "pip uninstall acme-rag" in message
    assert method_named("flare").name == "flare"


def test_a_transform_must_take_its_method(install: Install) -> None:
    source = UPPER.replace(
        "    method: object\n    loud: bool = False", "    loud: bool = False\n    method: object = 1"
    )
    install("shout", {QUERY_TRANSFORMS_GROUP: {"upper": "shout:Upper"}}, {"shout.py": source})
    with pytest.raises(InputError, match="must have the method that it serves as its first field"):
        method_named("upper+naive")


def test_an_option_of_another_type_is_refused(install: Install) -> None:
    source = FIRST.replace("count: int = 1", "count: tuple = (1,)")
    install("acme-rag", {METHODS_GROUP: {"first": "acme:First"}}, {"acme.py": source})
    with pytest.raises(InputError, match="field 'count': is of type tuple"):
        method_named("first:count=2")


def test_a_built_in_name_is_not_taken_in_silence(install: Install) -> None:
    install("acme-rag", {METHODS_GROUP: {"naive": "acme:First"}}, {"acme.py": FIRST})
    for name in ("naive", "hyde+naive"):
        with pytest.raises(
            InputError, match=r"has the name of a built-in one \(entry point naive = acme:First of acme-rag"
        ):
            method_named(name)
    assert method_named("replug").name == "replug"
    assert [*METHODS].count("naive") == 1


def test_one_name_of_two_distributions_is_not_guessed(install: Install, first: Path) -> None:
    install("other-rag", {METHODS_GROUP: {"first": "other:First"}}, {"other.py": FIRST})
    with pytest.raises(InputError, match="is there twice, also as entry point first = other:First of other"):
        method_named("first")


def test_a_name_that_cannot_be_typed_is_told(install: Install) -> None:
    install("acme-rag", {METHODS_GROUP: {"my+way": "acme:First"}}, {"acme.py": FIRST})
    assert "my+way" not in METHODS
    with pytest.raises(
        InputError, match=r"entry point my\+way = acme:First of acme-rag 1.0, whose name must be letters"
    ):
        method_named("my+way")


def test_the_fingerprint_follows_the_plug_ins_code_and_version(install: Install, tmp_path: Path) -> None:
    assert plugin_fingerprint("naive") == plugin_fingerprint("hyde+flare:theta=0.6") == ""
    offers = {METHODS_GROUP: {"first": "acme.first:First"}, QUERY_TRANSFORMS_GROUP: {"upper": "shout:Upper"}}
    files = {"acme/__init__.py": "", "acme/first.py": FIRST, "acme/parts/more.py": "x = 1\n", "shout.py": UPPER}
    site = install("acme-rag", offers, files)
    found = [plugin_fingerprint("first"), plugin_fingerprint("first:count=2"), plugin_fingerprint("hyde+first")]
    assert found == found[:1] * 3 and len(found[0]) == 64
    both = plugin_fingerprint("upper+first")
    assert both.endswith(found[0]) and len(both) == 129
    assert plugin_fingerprint("upper+naive") == both[:64]

    (site / "acme" / "parts" / "more.py").write_text("x = 2\n")
    changed = plugin_fingerprint("first")
    assert changed != found[0]
    (site / "acme" / "parts" / "more.py").write_text("x = 1\n")
    assert plugin_fingerprint("first") == found[0]
    info = site / "acme_rag-1.0.dist-info" / "METADATA"
    info.write_text(info.read_text().replace("1.0", "1.1"))
    assert plugin_fingerprint("first") not in (found[0], changed)


def test_an_author_may_give_a_fingerprint(install: Install) -> None:
    source = FIRST + '\n    @property\n    def fingerprint(self):\n        return "recipe-7"\n'
    site = install("acme-rag", {METHODS_GROUP: {"first": "acme:First"}}, {"acme.py": source})
    assert plugin_fingerprint("first") == plugin_fingerprint("hyde+first") == "recipe-7"
    (site / "acme.py").write_text(source + "\n")
    assert plugin_fingerprint("first") == "recipe-7"


def test_a_number_with_an_exponent_can_be_read_back() -> None:
    method = replace(method_named("replug"), temperature=1e16)  # type: ignore[type-var]
    assert method.name == "replug:temperature=1e16"
    assert method_named(method.name) == method


def test_what_is_recorded(first: Path, install: Install) -> None:
    install(
        "more",
        {"wbrag_pipeline.encoders": {"enc": "m:E"}, "wbrag_pipeline.engines": {"eng": "m:G"}},
        version="3",
    )
    values = {"encoder": "enc:1", "generator": "eng:m", "method": "hyde+first:count=2"}
    assert plugins_of(values) == {"encoder enc": "more 3", "generator eng": "more 3", "method first": "acme-rag 1.0"}
    assert plugins_of({"encoder": "a/b", "generator": "reader", "method": "hyde+naive"}) == {}
    assert plugins_of({"encoder": "enc", "generator": "eng"}) == {}
