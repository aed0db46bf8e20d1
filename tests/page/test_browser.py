"""The page in a real browser, from its file: what a reader sees, and what must not happen."""

import json
from pathlib import Path

import pytest

from stillhouse.page import assets
from stillhouse.page.document import Other, document
from stillhouse.page.html import html
from tests.page.runs import ODD, other_run, run

PHONE = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
DESK = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
NAMED = {
    "button", "combobox", "image", "img", "link", "searchbox", "tab", "tabpanel", "textbox",
}  # fmt: skip
"""Roles of which a screen reader needs a name."""

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
"""The contrast of all text that is seen, and what falls short of 4.5:1."""


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html(document(run(test=60, right=30))), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def double(tmp_path_factory):
    one = run()
    other = Other("main", other_run(one), ["These students: they differ."], {}, {})
    path = tmp_path_factory.mktemp("page") / "both.html"
    path.write_text(html(document(one, other)), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def quiet(browser):
    """No error is said and nothing but the file is asked for, whatever a test does."""
    browser.call("Emulation.setDeviceMetricsOverride", **DESK)
    browser.errors.clear()
    browser.requests.clear()
    yield
    assert browser.errors == []
    assert {url.partition(":")[0] for url in browser.requests} <= {"file", "about"}
    assert len({url for url in browser.requests if url.startswith("file:")}) == 1
    assert browser.run("window.broken === undefined")


def text(browser, selector):
    return browser.run(f"document.querySelector({json.dumps(selector)}).innerText")


def found(browser):
    return text(browser, ".finder [role=status]")


def type_into(browser, selector, value):
    browser.run(
        f"(() => {{ const field = document.querySelector({json.dumps(selector)});"
        f"field.value = {json.dumps(value)};"
        "field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input')); })()"
    )


def opened(browser):
    return text(browser, "article h2 .id")


def test_the_summary_is_what_one_sees_first(browser, single):
    browser.open(single)
    assert "test rows" in text(browser, ".verdict h2")
    assert "50.0%" in text(browser, ".intervals .own")
    assert browser.run("document.querySelectorAll('svg.whisker').length") >= 3
    assert browser.run("document.querySelectorAll('svg polyline').length") == 2
    assert not browser.run("document.getElementById('rows').checkVisibility()")


def test_rows_are_searched_narrowed_down_and_sorted(browser, single):
    browser.open(single, "#rows")
    assert found(browser) == "69 of 69 rows"
    type_into(browser, "#search", "test-1")
    assert found(browser) == "11 of 69 rows"
    type_into(browser, "#search", "")
    type_into(browser, "#facet-split", "test")
    type_into(browser, "#facet-flip", "right by training")
    assert found(browser) == "29 of 69 rows"
    type_into(browser, "#facet-flip", "student right, teacher wrong")
    assert found(browser) == "25 of 69 rows"
    type_into(browser, "#facet-flip", "")
    type_into(browser, "#sort", "longest")
    assert opened(browser) == "test-19"
    assert "split=test" in browser.run("location.hash")


def test_a_sample_says_that_it_is_one(browser, tmp_path):
    path = tmp_path / "sample.html"
    path.write_text(html(document(run(others=50), most=10)), encoding="utf-8")
    browser.open(path, "#rows")
    assert found(browser).startswith("10 of 10 rows, a sample of 65:")
    browser.open(path, "#row=spare-00001")
    assert "one that the sample left out" in text(browser, "#trace")


def test_only_what_is_seen_is_in_the_document(browser, single):
    browser.open(single, "#rows")
    assert browser.run("document.querySelectorAll('.item').length") < 40
    browser.run("document.querySelector('.list').scrollTop = 1e6")
    browser.until(
        "[...document.querySelectorAll('.item .id')].some((e) => e.textContent === 'train-3')"
    )
    assert browser.run("document.querySelector('.item').getAttribute('aria-setsize')") == "69"


def test_a_row_is_opened_by_its_link(browser, single):
    browser.open(single, "#row=train-1")
    assert opened(browser) == "train-1"
    assert text(browser, "article mark") == "(a)"
    assert "teacher wrong" in text(browser, "article h2")
    told = text(browser, "article")
    for said in (
        "train-2",
        "0.250",
        "The answer came in the form",
        "Because.",
        "not the gold label",
    ):
        assert said in told
    browser.run("document.querySelector('article a').click()")
    browser.until("document.querySelector('article h2 .id').innerText === 'train-2'")
    browser.open(single, "#row=nobody")
    assert "no row nobody" in text(browser, "#trace")


def test_a_row_has_its_judges_verdicts_and_its_prompt(browser, single):
    browser.open(single, "#row=train-0")
    told = text(browser, "article")
    assert "Student's answer first" in told
    assert "Teacher's answer first" in told
    browser.run("document.querySelectorAll('article summary').forEach((each) => each.click())")
    browser.until("document.querySelector('article').innerText.includes('Say which colour.')")


def test_the_keyboard_goes_from_row_to_row(browser, single):
    browser.open(single, "#split=train&row=train-0")
    browser.press("j")
    assert opened(browser) == "train-1"
    assert browser.run("document.getElementById('opened').textContent").startswith("train-1")
    browser.press("ArrowRight")
    browser.press("k")
    assert opened(browser) == "train-1"
    browser.press("/")
    browser.press("j")  # into the search
    assert browser.run("document.activeElement.id") == "search"
    assert browser.run("document.getElementById('search').value") == "j"


@pytest.mark.parametrize("name", ODD)
def test_odd_text_is_shown_as_text(browser, single, name):
    browser.open(single, f"#row=odd-{name}")
    told = text(browser, "article")
    for said in {
        "script": ["<script>window.broken = true</script></script>", "onerror", "&lt;"],
        "ansi": ["\\u001b[31mred\\u001b[0m", "\\u0007"],
        "rtl": ["photo\\u202egpj.exe", "מימין"],
        "long": ["Show all 1,000,000 characters"],
        "quotes": ["\"]} ' \\ \\u2028", "{{ rows }} 🦊"],
    }[name]:
        assert said in told
    assert len(told) < 100_000
    browser.run("document.querySelector('article .more')?.click()")
    assert text(browser, "article h2 .id") == f"odd-{name}"


def test_two_runs_are_laid_beside_each_other(browser, double):
    browser.open(double)
    assert "they differ" in text(browser, "#summary")
    assert "4\t2" in text(browser, "#summary")
    browser.run(
        "[...document.querySelectorAll('a')].find((e) => e.innerText.endsWith('better')).click()"
    )
    browser.until(
        "document.querySelector('article') !== null && !document.getElementById('rows').hidden"
    )
    assert found(browser) == "2 of 15 rows"
    assert opened(browser) == "test-1"
    assert "better than main" in text(browser, "article h2")
    type_into(browser, "#facet-change", "worse")
    assert (found(browser), opened(browser)) == ("1 of 15 rows", "test-5")
    type_into(browser, "#facet-change", "other completion")
    assert opened(browser) == "train-0"
    gone = browser.run(
        "[...document.querySelectorAll('article del')].map((e) => e.textContent.trim())"
    )
    new = browser.run(
        "[...document.querySelectorAll('article ins')].map((e) => e.textContent.trim())"
    )
    assert "very" in gone
    assert "b" in gone
    assert "a" in new


def test_a_word_diff_gives_both_texts_back(browser, double):
    """What is the same and gone is the first text, what is the same and new the second."""
    pairs = [
        ("", "a b"),
        ("a b", ""),
        ("one two  three", "one too\nthree!"),
        ("x", "x"),
        ("été 1", "été 2"),
    ]
    browser.open(double)
    source = (assets.HERE / "diff.js").read_text(encoding="utf-8")
    for before, after in pairs:
        both = f"{json.dumps(before)}, {json.dumps(after)}"
        pieces = browser.run(f"(() => {{ {source}; return difference({both}); }})()")
        assert "".join(p["text"] for p in pieces if p["kind"] != "new") == before
        assert "".join(p["text"] for p in pieces if p["kind"] != "gone") == after


def test_on_a_phone_the_list_and_the_row_take_turns_and_nothing_sticks_out(browser, single):
    browser.call("Emulation.setDeviceMetricsOverride", **PHONE)
    for fragment in ("", "#rows", "#row=train-1"):
        browser.open(single, fragment)
        assert browser.run("document.documentElement.scrollWidth") <= 400, fragment
    assert not browser.run("document.querySelector('.finder').checkVisibility()")
    browser.run("document.querySelector('.back').click()")
    assert browser.run("document.querySelector('.finder').checkVisibility()")
    assert not browser.run("document.getElementById('trace').checkVisibility()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("fragment", ["", "#row=train-0", "#change=other+completion"])
def test_text_can_be_read(browser, double, scheme, fragment):
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.call("Emulation.setEmulatedMedia", features=media)
    browser.open(double, fragment)
    contrast = browser.run(CONTRAST)
    assert contrast["seen"] > 30
    assert contrast["found"] == []


def test_a_screen_reader_has_names_for_all_that_is_used(browser, double):
    for fragment in ("", "#row=train-0"):
        browser.open(double, fragment)
        nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
        known = [
            (node["role"]["value"], node.get("name", {}).get("value"))
            for node in nodes
            if not node["ignored"]
        ]
        assert sum(role in NAMED for role, _ in known) > 5
        assert [role for role, name in known if role in NAMED and not name] == []
    assert ("tab", "Rows") in known
