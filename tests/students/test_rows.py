"""Tokens of prompts and targets: what is fed, what is learnt, what is cut."""

import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing

from stillhouse.config.student import Templates
from stillhouse.core.errors import StillhouseError
from stillhouse.core.templates import render
from stillhouse.students.batches import collate
from stillhouse.students.rows import mean_tokens, require_rows, tokenize_rows
from stillhouse.students.text import StudentText
from stillhouse.students.weights import read_tokenizer
from tests.students.conftest import TEMPLATES, rows

FAMILIES = ["decoder", "encoder_decoder"]
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)
visible = words.filter(lambda text: text.strip())


def student_text(
    tiny_models: Path, family: str = "decoder", query: int = 512, target: int = 512
) -> StudentText:
    tokenizer = read_tokenizer(tiny_models / "decoder")
    return StudentText(
        tokenizer, family, Templates.model_validate(TEMPLATES[family]), query, target
    )


@pytest.mark.parametrize("family", FAMILIES)
@given(table=st.lists(st.tuples(words, visible, st.none() | visible), min_size=1, max_size=5))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_kept_positions_predict_exactly_the_targets(tiny_models: Path, family: str, table: list):
    text = student_text(tiny_models, family)
    lambda_ = 1.0 if any(rationale for _, _, rationale in table) else 0.0
    token_rows, _ = tokenize_rows(
        [
            {"id": str(place), "query": query, "label": label, "rationale": rationale}
            for place, (query, label, rationale) in enumerate(table)
        ],
        text,
        lambda_,
    )
    batch = collate(token_rows, family, 0)
    fed = batch["input_ids" if family == "decoder" else "decoder_input_ids"][0].tolist()
    sequences = [
        sequence.target for row in token_rows for sequence in (row.label, row.rationale) if sequence
    ]
    targets, keep = iter(batch["targets"].tolist()), iter(batch["keep"].tolist())
    special = set(text.tokenizer.all_special_ids)
    for sequence in sequences:
        kept = [next(keep) for _ in sequence]
        assert tuple(next(targets) for _ in sequence) == sequence
        # Each kept place is followed by what it predicts; the end token is never fed.
        assert [fed[place] for place in kept[1:]] == list(sequence[:-1])
        assert sequence[-1] == text.end
        assert not special & set(sequence[:-1])
    assert next(targets, None) is next(keep, None) is None
    assert batch["member"].bincount()[0] == sum(len(row.label.target) for row in token_rows)


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


def unigram(tmp_path: Path) -> StudentText:
    """A vocabulary like T5's: SentencePiece's unigrams without `<`, `{` and line breaks."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = ["<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyzPYN0123456789()*+-/=.,'"]
    made = Tokenizer(models.Unigram([(piece, -float(n)) for n, piece in enumerate(pieces)], 2))
    made.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace("\n", " "), normalizers.Replace("\t", " ")]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
    templates = Templates.model_validate(TEMPLATES["encoder_decoder"])
    return StudentText(tokenizer, "encoder_decoder", templates, 512, 512)


def labelled(*labels: str) -> list[dict[str, str | None]]:
    return [
        {"id": f"r{n}", "query": "q", "label": label, "rationale": None}
        for n, label in enumerate(labels)
    ]


def test_labels_that_the_vocabulary_cannot_write_are_an_error_with_the_characters(tmp_path: Path):
    text = unigram(tmp_path)
    fine = labelled("yes", "( 7 - 3 ) * 2", "two  words", " 3.5 ", "P(a) = 1/2")
    tokenize_rows(fine, text, 0)
    with pytest.raises(StillhouseError) as error:
        tokenize_rows([*fine, *labelled("a < b", "{x}", "a\nb", "a </s> b")], text, 0)
    message = str(error.value)
    for part in ("'<'", "'{'", "'}'", "a line break", "4 of 9 labels", "row 'r0': 'a < b'"):
        assert part in message
    assert "'a'" not in message.partition("which")[0]


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


@pytest.mark.parametrize("family", FAMILIES)
def test_long_queries_lose_their_end_but_no_prefix(
    tiny_models: Path, family: str, caplog: pytest.LogCaptureFixture
):
    text = student_text(tiny_models, family, query=24)
    table = rows(2)
    table[1]["query"] = "quick brown fox " * 50
    with caplog.at_level(logging.WARNING):
        token_rows, truncation = tokenize_rows(table, text, 1.0)
    assert truncation.queries == 1
    assert "1 of 2 queries were cut" in caplog.text
    for task, sequence in (("label", token_rows[1].label), ("rationale", token_rows[1].rationale)):
        prompt = text.tokenizer.decode(sequence.prompt)
        assert len(sequence.prompt) <= 24
        assert TEMPLATES[family][f"{task}_prefix"] in prompt
        assert "quick brown" in prompt


def test_a_template_longer_than_the_limit_is_an_error(tiny_models: Path):
    with pytest.raises(StillhouseError, match="max_query_tokens"):
        student_text(tiny_models, query=2).prompt("how many apples", "label")


def test_a_long_rationale_is_cut_and_counted(tiny_models: Path, caplog: pytest.LogCaptureFixture):
    text = student_text(tiny_models, target=12)
    table = rows(2)
    table[1]["rationale"] = "because " * 40
    token_rows, truncation = tokenize_rows(table, text, 1.0)
    assert truncation.rationales == 1
    assert len(token_rows[1].rationale.target) == 12
    assert text.end not in token_rows[1].rationale.target
    assert "1 of 2 rationales were cut" in caplog.text


def test_a_long_label_is_an_error_that_names_the_row(tiny_models: Path):
    table = rows(3)
    table[2]["label"] = "true " * 40
    with pytest.raises(StillhouseError, match=r"row-02.*max_target_tokens \(12\)"):
        tokenize_rows(table, student_text(tiny_models, target=12), 1.0)


def test_lambda_zero_drops_the_rationale_task(tiny_models: Path):
    token_rows, _ = tokenize_rows(rows(), student_text(tiny_models), 0.0)
    assert all(row.rationale is None for row in token_rows)


def test_an_empty_training_set_is_an_error():
    with pytest.raises(StillhouseError, match="training set is empty"):
        require_rows([], 1.0)


def test_no_rationales_at_all_is_an_error_unless_lambda_is_zero():
    bare = [row | {"rationale": None} for row in rows()]
    with pytest.raises(StillhouseError, match=r"lambda is 0\.5.*rationale_source"):
        require_rows(bare, 0.5)
    require_rows(bare, 0.0)
    require_rows(rows(), 0.5)


def test_mean_tokens_are_those_of_the_targets(tiny_models: Path):
    text = student_text(tiny_models)
    table = [
        {"id": "a", "query": "q", "label": "yes", "rationale": "Because it is so."},
        {"id": "b", "query": "q", "label": "never", "rationale": None},
    ]
    labels = [len(text.target(row["label"])) for row in table]
    found = mean_tokens(tokenize_rows(table, text, 1.0)[0])
    assert found == {"label": sum(labels) / 2, "rationale": len(text.target("Because it is so."))}
    assert mean_tokens(tokenize_rows(table, text, 0.0)[0]).keys() == {"label"}
