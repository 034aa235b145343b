"""The check of a built site finds what is broken, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs_reference.site_check import main, problems


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "style.css").write_text("")
    (tmp_path / "index.html").write_text(
        '<link rel="stylesheet" href="style.css"><link rel="canonical" href="https://there.example/">'
        '<h1 id="top">T</h1><a href="sub/page.html#part-%C3%A9">1</a> <a href="#top">2</a> <a href="sub/">3</a>'
        '<a href="https://elsewhere.example/x">4</a> <a href="mailto:x@y.example">5</a>'
    )
    (tmp_path / "sub" / "index.html").write_text('<a href="../index.html#top">up</a><img src="data:image/png;base64,">')
    (tmp_path / "sub" / "page.html").write_text('<a id="part-é"></a><a href="..">up</a>')
    (tmp_path / "404.html").write_text('<a href="/anywhere/">home</a>')
    return tmp_path


def test_a_whole_site_has_no_problems(site: Path) -> None:
    assert problems(site) == []


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ('<a href="gone.html">x</a>', "gone.html leads to no file"),
        ('<a href="sub/page.html#gone">x</a>', "sub/page.html#gone leads to no anchor"),
        ('<a href="#gone">x</a>', "#gone leads to no anchor"),
        ('<img src="gone.png">', "gone.png leads to no file"),
        ('<a href="../outside.txt">x</a>', "../outside.txt leads to no file of the site"),
        ('<script src="https://cdn.example/a.js"></script>', "loads https://cdn.example/a.js from another host"),
        ('<link rel="stylesheet" href="//fonts.example/a.css">', "loads //fonts.example/a.css from another host"),
    ],
)
def test_what_is_broken_is_named_with_its_page(site: Path, added: str, said: str) -> None:
    (site.parent / "outside.txt").write_text("")
    page = site / "index.html"
    page.write_text(page.read_text() + added)
    (found,) = problems(site)
    assert found == f"index.html: {found.removeprefix('index.html: ')}" and said in found


def test_an_empty_folder_is_no_site(tmp_path: Path) -> None:
    assert problems(tmp_path) == [f"{tmp_path} holds no page"]


def test_the_command_leaves_with_1_where_something_is_wrong(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["site_check", str(site)])
    with pytest.raises(SystemExit, match="0"):
        main()
    (site / "style.css").unlink()
    with pytest.raises(SystemExit, match="1"):
        main()
    assert "style.css leads to no file" in capsys.readouterr().out
