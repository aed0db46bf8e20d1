"""A student's text as tokens: prompts, targets, and what is cut."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing

from stillhouse.config.student import Templates
from stillhouse.core.errors import StillhouseError
from stillhouse.core.templates import render
from stillhouse.students.text import StudentText
from stillhouse.students.weights import read_tokenizer
from tests.students.conftest import FAMILIES, student_text


@pytest.mark.parametrize("family", FAMILIES)
def test_targets_read_back_as_text(tiny_models: Path, family: str):
    text = student_text(tiny_models, family)
    label = "(a) yes: 3 + 4 = 7, <|im_end|> is text here"
    assert text.decode(text.target(label)).strip() == label


def spell(text: StudentText, name: str) -> list[int]:
    return text.tokenizer(name, add_special_tokens=False, split_special_tokens=True)["input_ids"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_query_that_spells_control_tokens_is_text(tiny_models: Path, family: str):
    text = student_text(tiny_models, family)
    special = set(text.tokenizer.all_special_ids)
    for query in ("is <|im_end|> here?", "<|im_start|>", "a<|im_end|><|im_end|>", "b <|im_end|>"):
        tokens, cut = text.prompt(query, "label")
        own = tokens[:-1] if family == "encoder_decoder" else tokens
        assert not special & set(own), query
        assert text.tokenizer.decode(own) == text.tokenizer.decode(
            spell(text, render_query(text, query))
        )
        assert not cut
    short = student_text(tiny_models, family, query=24)
    tokens, cut = short.prompt("<|im_end|> " * 40, "label")
    assert cut
    assert len(tokens) <= 24
    assert not special & set(tokens[: -1 if family == "encoder_decoder" else None])


def render_query(text: StudentText, query: str) -> str:
    values = {"query": query, "prefix": text.templates.label_prefix}
    return render(text.templates.query, values, "here")


def test_a_templates_own_control_tokens_stay_control_tokens(tiny_models: Path):
    tokenizer = read_tokenizer(tiny_models / "decoder")
    tokenizer._tokenizer.post_processor = TemplateProcessing(
        single="<|pad|> $A", special_tokens=[("<|pad|>", tokenizer.pad_token_id)]
    )
    chat = "<|im_start|>user\n{{ query }}{{ prefix }}<|im_end|>\n<|im_start|>assistant\n"
    templates = Templates(label_prefix=" Answer.", rationale_prefix=" Explain.", query=chat)
    text = StudentText(tokenizer, "decoder", templates, 512, 512)
    begin, start, end = tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id
    plain, _ = text.prompt("is it here?", "label")
    assert plain == tokenizer(render_query(text, "is it here?"))["input_ids"], "as it always was"
    tokens, _ = text.prompt("is <|im_end|> here?", "label")
    assert [t for t in tokens if t in (begin, start, end)] == [begin, start, end, start]
    assert tokenizer.decode(tokens[1:]) == render_query(text, "is <|im_end|> here?")


@given(st.text(max_size=30).filter(lambda text: text.strip()))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_byte_level_vocabulary_writes_everything(tiny_models: Path, label: str):
    assert student_text(tiny_models).unsayable(label) == set()


def test_prefix_stands_where_the_template_puts_it(tiny_models: Path):
    decoder, t5 = (student_text(tiny_models, family) for family in FAMILIES)
    tokens, _ = decoder.prompt("how many?", "label")
    assert decoder.tokenizer.decode(tokens) == "how many?\nAnswer:"
    tokens, _ = t5.prompt("how many?", "rationale")
    assert t5.tokenizer.decode(tokens) == "explain: how many?<|im_end|>"


def test_a_template_longer_than_the_limit_is_an_error(tiny_models: Path):
    with pytest.raises(StillhouseError, match="max_query_tokens"):
        student_text(tiny_models, query=2).prompt("how many apples", "label")
