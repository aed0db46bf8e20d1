"""The fused objective against the two-pass definition, written plainly."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from stillhouse.students.batches import shared_tokens, target_logits
from stillhouse.students.text import StudentText
from stillhouse.students.weights import load_weights, output_layer
from stillhouse.train_student.objective import (
    alpha,
    collate,
    task_means,
    token_counts,
    token_losses,
    weighted,
)
from stillhouse.train_student.rows import TokenRow, tokenize_rows
from tests.students.conftest import TEMPLATES, Make, rows

LAMBDA = 0.7


def prepare(conf: Any) -> tuple[nn.Module, StudentText, list[TokenRow]]:
    torch.manual_seed(0)
    model, tokenizer = load_weights(conf)
    model.eval()  # no dropout: both passes must see the same network
    text = StudentText(tokenizer, conf.model.family, conf.templates, 128, 64)
    return model, text, tokenize_rows(rows(), text, LAMBDA)[0]


def fused(model: nn.Module, groups: list[list[TokenRow]]) -> Tensor:
    counts = token_counts([row for group in groups for row in group])
    total = torch.zeros(())
    for group in groups:
        batch = collate(group, model.config)
        logits = target_logits(model, output_layer(model), batch)
        losses = token_losses(logits, batch["targets"], "cross_entropy")
        total = total + weighted(task_means(losses, batch["member"], counts), LAMBDA)
    return total


def one_pass(model: nn.Module, text: StudentText, sequences: list[Any]) -> Tensor:
    """The published way: pad everything, let the model compute its own mean loss."""
    if text.family == "encoder_decoder":
        fed, labels = [s.prompt for s in sequences], [s.target for s in sequences]
    else:
        fed = [s.prompt + s.target for s in sequences]
        labels = [(-100,) * len(s.prompt) + s.target for s in sequences]
    width, label_width = max(map(len, fed)), max(map(len, labels))
    return model(
        input_ids=torch.tensor([[*f, *[text.pad] * (width - len(f))] for f in fed]),
        attention_mask=torch.tensor([[1] * len(f) + [0] * (width - len(f)) for f in fed]),
        labels=torch.tensor([[*y, *[-100] * (label_width - len(y))] for y in labels]),
    ).loss


def two_pass(model: nn.Module, text: StudentText, token_rows: list[TokenRow]) -> Tensor:
    label = one_pass(model, text, [row.label for row in token_rows])
    rationale = one_pass(model, text, [row.rationale for row in token_rows if row.rationale])
    return label + LAMBDA * rationale


def gradients(model: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.fixture(params=["decoder", "encoder_decoder", "tied"])
def prepared(request: pytest.FixtureRequest, make_conf: Make) -> Any:
    if request.param != "tied":
        return prepare(make_conf(request.param))
    # T5 v1.0: the output layer is the embedding, and what enters it is scaled down.
    conf = make_conf(
        "encoder_decoder",
        source=None,
        tokenizer="t5",
        architecture={
            "model_type": "t5",
            "d_model": 32,
            "d_kv": 8,
            "d_ff": 64,
            "num_layers": 2,
            "num_heads": 4,
            "tie_word_embeddings": True,
        },
    )
    return prepare(conf)


@pytest.mark.parametrize("micro", [8, 3, 1])
def test_fused_loss_and_gradients_equal_two_passes(prepared: Any, micro: int):
    model, text, token_rows = prepared
    groups = [token_rows[start : start + micro] for start in range(0, len(token_rows), micro)]
    reference = two_pass(model, text, token_rows)
    expected = gradients(model, reference)
    loss = fused(model, groups)
    assert loss.item() == pytest.approx(reference.item(), rel=1e-5)
    found = gradients(model, loss)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-5, rtol=1e-4)


def test_output_layer_sees_target_positions_alone(prepared: Any):
    model, text, token_rows = prepared
    batch = collate(token_rows, model.config)
    seen: list[int] = []
    hook = output_layer(model).register_forward_hook(lambda *a: seen.append(a[1][0].shape[0]))
    logits = target_logits(model, output_layer(model), batch)
    hook.remove()
    assert seen == [batch["targets"].numel()] == [logits.shape[0]]
    # and afterwards the model is as it was
    inputs = {k: v for k, v in batch.items() if k in ("input_ids", "decoder_input_ids")}
    fed = inputs["input_ids" if text.family == "decoder" else "decoder_input_ids"]
    assert model(**inputs).logits.shape[:2] == fed.shape


def test_lambda_weighs_the_rationale_loss():
    means = torch.tensor([2.0, 3.0])
    assert weighted(means, 0.0) == 2.0
    assert weighted(means, 0.5) == 3.5


def test_a_task_without_tokens_costs_nothing():
    means = task_means(torch.tensor([1.0, 3.0]), torch.tensor([0, 0]), torch.tensor([2, 0]))
    assert means.tolist() == [2.0, 0.0]


def test_alpha_is_the_published_form_of_lambda():
    assert [alpha(value) for value in (0.0, 1.0, 3.0)] == [1.0, 0.5, 0.25]


def test_mse_is_the_squared_distance_to_the_one_hot_target():
    torch.manual_seed(0)
    logits, targets = torch.randn(5, 11), torch.tensor([0, 3, 10, 3, 7])
    one_hot = nn.functional.one_hot(targets, 11).float()
    expected = (logits.softmax(-1) - one_hot).square().sum(-1)
    torch.testing.assert_close(token_losses(logits, targets, "mse"), expected)


def test_losses_are_computed_in_float32():
    logits = torch.randn(3, 7).bfloat16()
    for objective in ("cross_entropy", "mse"):
        found = token_losses(logits, torch.tensor([1, 2, 3]), objective)
        assert found.dtype == torch.float32


def test_reference_is_not_the_fused_code(make_conf: Make):
    """The reference reacts to a changed weight, so equality above means something."""
    model, text, token_rows = prepare(make_conf())
    other = copy.deepcopy(model)
    with torch.no_grad():
        output_layer(other).weight.mul_(2)
    assert two_pass(other, text, token_rows).item() != pytest.approx(
        fused(model, [token_rows]).item(), abs=1e-3
    )


TEMPLATES_BY_ORDER = {
    "query first": "{{ query }}\n{{ prefix }}",
    "prefix first": "{{ prefix }} {{ query }}",
}


@pytest.mark.parametrize("order", TEMPLATES_BY_ORDER)
@given(
    table=st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 9), st.none() | st.integers(0, 30)),
        min_size=1,
        max_size=6,
    )
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_shared_tokens_equal_two_passes(make_conf: Make, order: str, table: list):
    """Whatever the lengths; rows without a rationale have one branch."""
    conf = make_conf(templates=TEMPLATES["decoder"] | {"query": TEMPLATES_BY_ORDER[order]})
    model, text, _ = prepare(conf)
    token_rows, _ = tokenize_rows(
        [
            {
                "id": str(place),
                "query": "fox " * query + str(place),
                "label": "yes " * label + "no",
                "rationale": None if rationale is None else "the dog" + " jumps" * rationale,
            }
            for place, (query, label, rationale) in enumerate(table)
        ],
        text,
        LAMBDA,
    )
    both = [row for row in token_rows if row.rationale]
    for row in both:
        shared = shared_tokens([row.label, row.rationale])
        assert (shared > 1) == (order == "query first")
        assert row.label.prompt[:shared] == row.rationale.prompt[:shared]
    reference = one_pass(model, text, [row.label for row in token_rows])
    if both:
        reference = reference + LAMBDA * one_pass(model, text, [row.rationale for row in both])
    expected = gradients(model, reference)
    loss = fused(model, [token_rows])
    assert loss.item() == pytest.approx(reference.item(), rel=1e-5)
    for name, gradient in gradients(model, loss).items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-5, rtol=1e-4)


def test_a_shared_tokens_is_computed_once(make_conf: Make):
    model, _, token_rows = prepare(make_conf())
    batch = collate(token_rows, model.config)
    alone = sum(
        len(sequence.prompt) + len(sequence.target) - 1
        for row in token_rows
        for sequence in (row.label, row.rationale)
        if sequence
    )
    saved = sum(shared_tokens([row.label, row.rationale]) for row in token_rows if row.rationale)
    assert saved > 0
    assert batch["input_ids"].shape == (1, alone - saved)
