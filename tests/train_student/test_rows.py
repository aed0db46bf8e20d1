"""Training rows as tokens: what is fed, what is learnt, what is cut, what is refused."""

import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedConfig

from stillhouse.config.student import Templates
from stillhouse.core.errors import StillhouseError
from stillhouse.students.text import StudentText
from stillhouse.train_student.objective import collate
from stillhouse.train_student.rows import mean_tokens, require_rows, tokenize_rows
from tests.students.conftest import FAMILIES, TEMPLATES, rows, student_text

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)
visible = words.filter(lambda text: text.strip())


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
    t5 = family == "encoder_decoder"
    config = PreTrainedConfig(is_encoder_decoder=t5, decoder_start_token_id=0)
    batch = collate(token_rows, config)
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
