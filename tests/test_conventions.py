"""The conventions that no linter knows."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGES = ("wbrag_pipeline", "assets", "resources")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@cache
def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"), filename=str(module))


@cache
def settings() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def committed() -> list[Path]:
    """The files that git has or would take; all files where this is no checkout."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        tops = [top for top in ROOT.iterdir() if not top.name.startswith(".")]
        return [path for top in tops for path in (top, *top.rglob("*")) if path.is_file()]
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def words(name: str) -> set[str]:
    """Split a snake_case or CamelCase name."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def nodes(modules: Iterable[Path] = MODULES) -> Iterator[tuple[str, ast.AST]]:
    """Every node of every module, with the module's path for a message."""
    for module in modules:
        for node in ast.walk(tree_of(module)):
            yield str(module.relative_to(ROOT)), node


def test_a_file_holds_one_subject() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert not {name: count for name, count in lines.items() if count >= 350}, "does it still hold one subject?"


def test_names_say_what_is_inside() -> None:
    empty = {"util", "utils", "helper", "helpers", "manager", "managers"}
    names = {name for module in MODULES for name in module.relative_to(ROOT).with_suffix("").parts}
    # What a Dagster I/O manager is called is Dagster's choice.
    classes = {node.name for _, node in nodes() if isinstance(node, ast.ClassDef)}
    names |= {name for name in classes if not name.endswith("IOManager")}
    assert not {name for name in names if words(name) & empty}


def test_nothing_is_pickled() -> None:
    roots = {name.split(".")[0] for module in MODULES for name in imported(tree_of(module))}
    assert not roots & {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    for file, node in nodes():
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant) and node.value.value is False, f"{file}:{node.value.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "torch":
            assert node.attr not in {"load", "save"}, f"{file}:{node.lineno}: torch.{node.attr} pickles"


# Ways to a terminal that do not come by ``commands/console.py``, where what does not print is written out.
_PRINTS = {"print", "echo", "secho", "Console", "rprint", "print_exc", "print_exception", "basicConfig"}
_STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}
_OWN_WAY_OUT = {
    "wbrag_pipeline/commands/console.py": "the one way out",
    "wbrag_pipeline/progress.py": "bars, whose labels are our own words",
    "resources/run_log.py": "the run's log lines, written out by its formatter",
}


def test_nothing_is_printed_but_through_the_console() -> None:
    for file, node in nodes(module for module in MODULES if str(module.relative_to(ROOT)) not in _OWN_WAY_OUT):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            own = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") in ("console", "self")
            assert own or called not in _PRINTS, f"{file}:{node.lineno}: {called}; use say or wide_console"
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "sys":
            assert node.attr not in _STREAMS, f"{file}:{node.lineno}: sys.{node.attr}; use say"


def test_every_folder_with_code_is_a_package_that_imports() -> None:
    for folder in sorted({module.parent for module in MODULES}):
        assert (folder / "__init__.py").is_file(), f"{folder.relative_to(ROOT)} has no __init__.py"
        importlib.import_module(".".join(folder.relative_to(ROOT).parts))


def test_every_package_has_a_layer() -> None:
    layers = next(c["layers"] for c in settings()["tool"]["importlinter"]["contracts"] if c["id"] == "layers")
    layered = set(re.findall(r"wbrag_pipeline\.(\w+)", " ".join(layers)))
    packages = {
        module.relative_to(ROOT / "wbrag_pipeline").parts[0] for module in MODULES if "wbrag_pipeline" in module.parts
    }
    assert {package.removesuffix(".py") for package in packages} - {"__init__"} <= layered, "list it in pyproject.toml"


def needed_by(module: Path) -> set[Path]:
    """Modules of the project that a module imports anywhere, but not those that only its type hints name."""
    tree = tree_of(module)
    hints = {id(node) for found in ast.walk(tree) if is_for_hints(found) for node in ast.walk(found)}
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in hints:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {file for name in names if (file := ROOT / f"{name.replace('.', '/')}.py") in MODULES}


def is_for_hints(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_no_modules_import_each_other_in_a_circle() -> None:
    needed = {module: needed_by(module) for module in MODULES}
    while free := [module for module, of in needed.items() if not of & needed.keys()]:
        for module in free:
            del needed[module]
    # What is left is in a circle, or stands on one.
    assert not [str(module.relative_to(ROOT)) for module in needed]


def of_the_package() -> list[Path]:
    """Modules of wbrag_pipeline, but those whose functions are short forms of others under the same names.

    commands/ is named after what a person types, and api.py after what a program calls.
    """
    package = ROOT / "wbrag_pipeline"
    short_forms = {package / "api.py", *(package / "commands").glob("*.py")}
    return [path for path in MODULES if path.is_relative_to(package) and path not in short_forms]


def public_names(module: Path) -> set[str]:
    """Classes, functions and constants that a module defines itself; overloads of one name count once."""
    names = set()
    for node in tree_of(module).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def several(found: Iterable[tuple[str, Path]]) -> dict[str, list[str]]:
    """Those names that are there more than once, with the modules that have them."""
    places: dict[str, list[str]] = {}
    for name, module in found:
        places.setdefault(name, []).append(str(module.relative_to(ROOT / "wbrag_pipeline")))
    return {name: modules for name, modules in places.items() if len(modules) > 1}


def test_no_two_modules_have_one_name() -> None:
    assert not several((path.stem, path) for path in of_the_package() if path.name != "__init__.py")


def test_no_public_name_is_defined_twice() -> None:
    # TYPE_CHECKING is no name of ours: it stands where typing would take too long to load.
    found = ((name, path) for path in of_the_package() for name in sorted(public_names(path) - {"TYPE_CHECKING"}))
    assert not several(found)


def test_no_public_name_is_the_name_of_another_module() -> None:
    modules = {path.stem: path for path in of_the_package() if path.name != "__init__.py"}
    found = {
        f"{path.relative_to(ROOT / 'wbrag_pipeline')}: {name}"
        for path in of_the_package()
        for name in public_names(path)
        if modules.get(name, path) != path
    }
    assert not found


def test_every_library_that_is_imported_is_declared() -> None:
    project = settings()["project"]
    asked = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    declared = {re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in asked}
    providers = packages_distributions()
    missing = {
        f"{module.relative_to(ROOT)}: {name}"
        for module in MODULES
        for name in {name.split(".")[0] for name in imported(tree_of(module))} - sys.stdlib_module_names - set(PACKAGES)
        if not declared & {re.sub(r"[_.]", "-", provider.lower()) for provider in providers.get(name, [name])}
    }
    assert not missing


def test_no_package_registry_is_named() -> None:
    # Spelled in halves, or this file would be the one it finds.
    hosts = ["python" + "hosted.org", "py" + "pi.org", "py" + "pi.python.org", "registry." + "npmjs", "deb." + "debian"]
    hosts += ["download." + "pytorch.org", "proxy." + "golang.org"]
    pattern = re.compile("|".join(map(re.escape, hosts)).encode())
    named = [str(path.relative_to(ROOT)) for path in committed() if pattern.search(path.read_bytes())]
    assert not named, "take the registry's address out"


def test_the_command_starts_without_the_heavy_libraries() -> None:
    heavy = {"torch", "transformers", "sentence_transformers", "faiss", "dagster", "polars", "duckdb", "altair"}
    program = f"import sys, wbrag_pipeline.commands.command_line; print(*sorted({heavy!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True)
    assert loaded.stdout.split() == []
