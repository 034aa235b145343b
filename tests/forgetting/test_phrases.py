"""Phrases: what tells a text, in whatever dress, and what is left of what held one."""

from __future__ import annotations

import html
import json
import unicodedata
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbrag_pipeline.evaluation.formatting import markdown_table
from wbrag_pipeline.forgetting.phrases import FORGOTTEN, Phrases, phrases_of

TEXT = 'Anna O\'Neill was paid "17,000 euros" — in cash — on the 3rd of May 2020 at the Café Füße.'
PHRASES = phrases_of([TEXT], ["u_3f"])


@pytest.mark.parametrize(
    "dress",
    [
        TEXT,
        TEXT.upper().replace("SSE", "ße"),
        html.escape(TEXT),
        json.dumps(TEXT),
        json.dumps({"a": json.dumps([TEXT])}),
        f"| 1 | {TEXT[:70]}… | 2 |",
        TEXT.replace(" ", "\n "),
        "about `u_3f`, which",
    ],
)
def test_a_text_is_known_in_every_dress(dress: str) -> None:
    assert PHRASES.hit(f"before {dress} after")
    assert not PHRASES.hit(PHRASES.redact(f"line one\n{dress}\nline three"))


@pytest.mark.parametrize("other", ["Anna was paid in cash.", "u_3fa and u_", "", "17,000 euros on the 3rd of May"])
def test_other_texts_are_left_alone(other: str) -> None:
    assert not PHRASES.hit(other) and PHRASES.redact(other) == other


def test_what_others_say_too_is_no_trace() -> None:
    left = PHRASES.less_those_in([pl.Series([None, "It was O'Neill was paid 17,000 euros -- in cash -- in May"])])
    assert set(PHRASES.phrases) - set(left.phrases) == {
        "o neill was paid 17 000 euros in",
        "neill was paid 17 000 euros in cash",
    }


def test_a_short_text_is_one_phrase() -> None:
    assert phrases_of(["Who, then?", "", "!"]).phrases == ("who then",)


def test_json_keeps_its_other_values() -> None:
    value = {"n": 1, "table": f"| a |\n| {TEXT} |\n| b |", "text": TEXT, "deep": [{"x": [TEXT, "fine"]}]}
    assert json.loads(PHRASES.redact(json.dumps(value))) == {
        "n": 1,
        "table": "| a |\n| b |",
        "text": FORGOTTEN,
        "deep": [{"x": [FORGOTTEN, "fine"]}],
    }


words = st.lists(st.sampled_from("ab cd ef gh ij kl".split()), min_size=1, max_size=12)


@given(words.filter(lambda text: len(text) > 1), words, words)
def test_a_hit_is_eight_words_in_a_row(text: list[str], before: list[str], after: list[str]) -> None:
    phrases = phrases_of([" ".join(text)])
    assert phrases.hit(" ".join([*before, *text, *after]))
    size = min(8, len(text))
    runs = {tuple(text[i : i + size]) for i in range(len(text) - size + 1)}
    expected = any(tuple(before[i : i + size]) in runs for i in range(len(before) - size + 1))
    assert phrases.hit(" ".join(before)) == expected


def test_nothing_to_tell_hits_nothing() -> None:
    assert not Phrases(()).hit(TEXT)


# A text a script; most of these scripts have no blanks between words.
SCRIPTS = {
    "Japanese": "契約番号は七七一二で、更新日は二〇三一年四月一日です。担当者は佐藤花子さんと伝えられています。",
    "katakana": "コンピューターサイエンスのカリキュラムをアップデートするプロジェクトはキャンセルされました。",
    "Chinese": "安娜的工资是每月一万七千元，由财务部在每月三日以现金支付给她本人，没有其他人知道。",
    "Thai": "แอนนาได้รับเงินเดือนหนึ่งหมื่นเจ็ดพันบาทต่อเดือนจากฝ่ายการเงินในวันที่สามของทุกเดือน",
    "Lao": "ແອນນາໄດ້ຮັບເງິນເດືອນໜຶ່ງໝື່ນເຈັດພັນກີບຕໍ່ເດືອນຈາກຝ່າຍການເງິນໃນວັນທີສາມຂອງທຸກເດືອນ",
    "Khmer": "អាណាទទួលបានប្រាក់ខែមួយម៉ឺនប្រាំពីរពាន់រៀលក្នុងមួយខែពីផ្នែកហិរញ្ញវត្ថុនៅថ្ងៃទីបី",
    "Burmese": "အန်နာသည်လစဉ်လစာတစ်သောင်းခုနစ်ထောင်ကျပ်ကိုဘဏ္ဍာရေးဌာနမှလတိုင်းသုံးရက်နေ့တွင်ရရှိသည်",
    "Tibetan": "ཨ་ནའི་ཟླ་ཕོགས་ནི་ཁྲི་གཅིག་དང་བདུན་སྟོང་ཡིན་ཞིང་ཟླ་རེའི་ཚེས་གསུམ་ལ་སྤྲོད་ཀྱི་ཡོད།",
    "Korean": "안나는 매월 삼일에 재무부에서 현금으로 만칠천 유로를 받으며 다른 사람은 그것을 모릅니다.",
    "Arabic": "تتقاضى آنا سبعة عشر ألف يورو نقدا في اليوم الثالث من كل شهر ولا يعرف ذلك أحد غيرها.",
    "Hindi": "अन्ना को हर महीने की तीन तारीख को सत्रह हज़ार यूरो नकद मिलते हैं और कोई नहीं जानता।",
    "Greek": "Η Άννα πληρώνεται δεκαεπτά χιλιάδες ευρώ σε μετρητά την τρίτη κάθε μήνα, ΚΑΝΕΙΣ δεν το ξέρει.",
    "German": "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenbescheid, Straßenbahnbetriebsratsvorsitzende.",
    "one word": "QmFzZTY0LWVuY29kZWQtc2VjcmV0LXRoYXQtbm9ib2R5LXNob3VsZC1zZWUtYWdhaW4tYWZ0ZXItdG9kYXk" * 3,
    "short": "Anna O'Neill earns 17,000.",
}
DRESSES = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON in JSON in JSON": lambda text: json.dumps(json.dumps({"event": json.dumps([text])})),
    "JSON in small escapes": lambda text: json.dumps(text).lower(),
    "Python": ascii,
    "bytes of Python": lambda text: repr(text.encode()),
    "HTML": html.escape,
    "HTML by number": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "HTML in JSON": lambda text: json.dumps(html.escape(text)),
    "NFD": lambda text: unicodedata.normalize("NFD", text),
    "NFKD": lambda text: unicodedata.normalize("NFKD", text),
    "lines": lambda text: text.replace(" ", "\r\n\t"),
    "Markdown": lambda text: markdown_table(["text", "n"], [[text, 1]]),
    "Markdown in JSON": lambda text: json.dumps({"md_str": markdown_table(["text", "n"], [[text, 1]])}),
}


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_text_of_any_script_is_known_in_any_escape(script: str, dress: str) -> None:
    text = SCRIPTS[script]
    phrases = phrases_of([text])
    assert phrases.hit(DRESSES[dress](text))
    redacted = phrases.redact(f"fine\n{DRESSES[dress](text)}\nfine")
    assert not phrases.hit(redacted)
    assert redacted.count("fine") == 2 or dress == "lines"
    assert not any(phrases.hit(DRESSES[dress](other)) for name, other in SCRIPTS.items() if name != script)


@given(
    st.sampled_from(sorted(SCRIPTS)),
    st.sampled_from(["NFC", "NFD"]),
    st.integers(22, 120),
    st.sampled_from(["…", "...", " …", " [...]", "……", "… |"]),
    st.sampled_from([str, json.dumps, html.escape]),
)
def test_a_preview_cut_anywhere_is_found(script: str, form: str, length: int, dots: str, dress: Any) -> None:
    text = SCRIPTS[script]
    shown = unicodedata.normalize(form, text)[:length]
    assert phrases_of([text]).hit(f"| 1 | {dress(shown + dots)} | 2 |")


@given(st.sampled_from(sorted(set(SCRIPTS) - {"short", "one word", "German"})), st.integers(0, 15))
def test_a_part_from_the_middle_of_a_text_is_found(script: str, start: int) -> None:
    text = SCRIPTS[script]
    assert phrases_of([text]).hit(f"({text[start : start + 60]})")


@pytest.mark.parametrize("word", ["success", "Paris", "2031", "1 2 3 4 5", "東京", "ไทย", ""])
def test_a_text_of_one_short_word_is_no_phrase(word: str) -> None:
    """It stands in many places that have nothing to do with it: the state of a run, a number."""
    assert phrases_of([word]) == Phrases(())


def test_a_beginning_that_another_text_has_too_is_no_trace() -> None:
    phrases = phrases_of(["Aldermoor is a town on the Vell, and Anna lives there."])
    assert phrases.hit("Aldermoor is a town on…")
    left = phrases.less_those_in([pl.Series(["Aldermoor is a town on the coast."])])
    assert not left.hit("Aldermoor is a town on…") and not left.hit("Aldermoor is a town on t…")
    assert left.hit("Aldermoor is a town on the Vel…")
    assert not phrases.hit("Aldermoor is a town on the coast…")


def test_a_title_tells_a_text_where_it_is_long_enough_and_nobody_elses() -> None:
    phrases = phrases_of(["short text"], titles=["Salaries of the board in 2031", "Salaries"])
    assert phrases.hit("see: salaries of the board in 2031") and not phrases.hit("the salaries")


def test_half_a_letter_in_an_escape_is_no_error() -> None:
    assert not PHRASES.hit(r'{"a": "\ud83d and \udc00\ud83d, \uFFFF, \U00110000, \u{110000}, \xff"}')
