"""Training for real with tiny models: it learns, and equal seeds give equal weights."""

import json
import math
import shutil
from collections import namedtuple
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from stillhouse.config.student import StudentConf
from stillhouse.core.errors import StillhouseError
from stillhouse.students.folder import load_student, untrained_student
from stillhouse.students.predict import predict_labels
from stillhouse.train_student import objective
from stillhouse.train_student.launching import join_processes
from stillhouse.train_student.trainable import merged
from stillhouse.train_student.training import Curve, train_student, write_curve
from tests.students.conftest import STEADY_T5, T5_TINY, TINY, Make, rows

LORA = {"rank": 4, "alpha": 8}
# The encoder-decoder twin of a test takes as long again, so it stays out of the quick ones.
FAMILIES = ["decoder", pytest.param("encoder_decoder", marks=pytest.mark.slow)]


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def changed(folder: Path, source: Path) -> set[str]:
    before, after = load_file(source / "model.safetensors"), load_file(folder / "model.safetensors")
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        pytest.param("decoder", {}, id="decoder"),
        pytest.param("encoder_decoder", {}, id="t5", marks=pytest.mark.slow),
        pytest.param(
            "decoder",
            {"method": "lora", "lora": LORA | {"dropout": 0.1}},
            id="lora",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "encoder_decoder",
            {"source": None, "tokenizer": "t5", "architecture": T5_TINY},
            id="random-t5",
        ),
    ],
)
def test_equal_seeds_give_equal_weights_and_others_do_not(
    tmp_path: Path, make_conf: Make, family: str, changes: dict[str, Any]
):
    conf = make_conf(family, **changes)
    curves = [
        train_student(rows(), conf, 1.0, seed, tmp_path / name)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    assert curves[0] == curves[1] != curves[2]
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_student_learns_its_rows(tmp_path: Path, make_conf: Make, family: str):
    table = rows(4)
    # Half as many steps would do. (With dropout the loss of a step jumps, however long it trains.)
    training = {"epochs": None, "steps": 60, "schedule": "constant"}
    conf = make_conf(
        family, **(STEADY_T5 if family == "encoder_decoder" else {}), training=training
    )
    losses = train_student(table, conf, 0.1, 0, tmp_path / "student").losses
    assert losses[-1][0] < losses[0][0] / 20
    found = predict_labels(
        load_student(tmp_path / "student"),
        {row["id"]: row["query"] for row in table},
        conf.decoding,
        conf.compute,
    )
    assert found == {row["id"]: row["label"] for row in table}


def test_lambda_zero_equals_having_no_rationales(tmp_path: Path, make_conf: Make):
    bare = [row | {"rationale": None} for row in rows()]
    train_student(rows(), make_conf(), 0.0, 0, tmp_path / "with")
    train_student(bare, make_conf(), 0.0, 0, tmp_path / "without")
    train_student(rows(), make_conf(), 0.5, 0, tmp_path / "both")
    assert weights(tmp_path / "with") == weights(tmp_path / "without")
    assert weights(tmp_path / "with") != weights(tmp_path / "both")


@pytest.mark.parametrize("family", FAMILIES)
def test_micro_batches_do_not_change_the_loss(tmp_path: Path, make_conf: Make, family: str):
    # 10 rows: the last batch is partial, and with 3 rows a piece each batch ends in a rest.
    curves = {}
    for micro in (None, 3, 1):
        conf = make_conf(
            family,
            **(STEADY_T5 if family == "encoder_decoder" else {}),
            training={"learning_rate": 1e-3, "epochs": 2},
            compute={"device": "cpu", "micro_batch_size": micro},
        )
        curves[micro] = train_student(rows(10), conf, 0.5, 0, tmp_path / str(micro)).losses
    assert len(curves[None]) == 5
    for micro in (3, 1):
        for found, expected in zip(curves[micro], curves[None], strict=True):
            assert found == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_bfloat16_trains_and_halves_the_folder(tmp_path: Path, make_conf: Make, family: str):
    conf = make_conf(family, precision="bfloat16", training={"precision": "bfloat16"})
    losses = train_student(rows(), conf, 1.0, 0, tmp_path / "low").losses
    train_student(rows(), make_conf(family), 1.0, 0, tmp_path / "full")
    saved = load_file(tmp_path / "low" / "model.safetensors")
    assert {value.dtype for value in saved.values()} == {torch.bfloat16}
    assert losses[0][0] > 0
    assert len(weights(tmp_path / "low")) < 0.6 * len(weights(tmp_path / "full"))
    student = load_student(tmp_path / "low")
    assert student.model.dtype == torch.bfloat16
    conf = make_conf(family)
    assert predict_labels(student, {"a": "how many?"}, conf.decoding, conf.compute).keys() == {"a"}


@pytest.mark.parametrize("family", FAMILIES)
def test_adapters_are_merged_into_the_saved_model(
    tmp_path: Path, tiny_models: Path, make_conf: Make, family: str
):
    conf = make_conf(family, method="lora", lora=LORA)
    train_student(rows(), conf, 1.0, 0, tmp_path / "student")
    different = changed(tmp_path / "student", tiny_models / conf.model.source.removeprefix(TINY))
    assert different
    assert not any(name in ("lm_head.weight", "model.embed_tokens.weight") for name in different)
    assert not any("norm" in name or "shared" in name for name in different)


def test_adapters_are_merged_in_float32_where_the_frozen_weights_are_halves(make_conf: Make):
    """In bfloat16 the sum would lose most of what the adapters learnt."""
    from stillhouse.students.weights import load_weights
    from stillhouse.train_student.trainable import prepare

    conf = make_conf(method="lora", lora=LORA, training={"precision": "bfloat16"})
    model, _ = load_weights(conf)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.bfloat16().float())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    prepared: Any = prepare(model, conf)
    torch.manual_seed(0)
    added = {}
    for name, layer in prepared.get_base_model().named_modules():
        if hasattr(layer, "lora_B") and len(layer.lora_B):
            assert layer.weight.dtype == torch.bfloat16
            a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
            with torch.no_grad():
                b.normal_(std=1e-3)
                added[f"{name}.weight"] = layer.scaling["default"] * (b @ a)
    assert added
    after = merged(prepared, "float32").state_dict()
    for name, change in added.items():
        assert change.abs().max() > 0
        torch.testing.assert_close(after[name], before[name] + change, atol=1e-7, rtol=1e-6)


def test_adapters_on_chosen_layers_and_modules(tmp_path: Path, tiny_models: Path, make_conf: Make):
    lora = LORA | {"layers": 1, "targets": ["q_proj", "down_proj"]}
    train_student(rows(), make_conf(method="lora", lora=lora), 1.0, 0, tmp_path / "student")
    assert changed(tmp_path / "student", tiny_models / "decoder") == {
        "model.layers.1.self_attn.q_proj.weight",
        "model.layers.1.mlp.down_proj.weight",
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_trainable_layers_leave_the_rest_alone(
    tmp_path: Path, tiny_models: Path, make_conf: Make, family: str
):
    conf = make_conf(family, training={"trainable_layers": 1})
    train_student(rows(), conf, 1.0, 0, tmp_path / "student")
    different = changed(tmp_path / "student", tiny_models / conf.model.source.removeprefix(TINY))
    last = ("model.layers.1.",) if family == "decoder" else ("encoder.block.1.", "decoder.block.1.")
    assert different
    assert all(name.startswith(last) for name in different)


def test_more_layers_than_there_are_is_an_error(tmp_path: Path, make_conf: Make):
    conf = make_conf(training={"trainable_layers": 3})
    with pytest.raises(StillhouseError, match=r"last 3 layers.*only 2"):
        train_student(rows(), conf, 1.0, 0, tmp_path / "student")


@pytest.mark.parametrize("changes", [{}, {"method": "lora", "lora": LORA}], ids=["full", "lora"])
def test_gradient_checkpointing_changes_no_loss(
    tmp_path: Path, make_conf: Make, changes: dict[str, Any]
):
    curves = [
        train_student(
            rows(),
            make_conf(
                **changes, compute={"device": "cpu", "gradient_checkpointing": checkpointing}
            ),
            1.0,
            0,
            tmp_path / str(checkpointing),
        )
        for checkpointing in (False, True)
    ]
    for found, expected in zip(curves[1].losses, curves[0].losses, strict=True):
        assert found == pytest.approx(expected, abs=1e-4)


def test_qlora_says_what_is_missing(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    conf = make_conf(source="no such model", method="qlora", lora=LORA, compute={})
    monkeypatch.setattr("stillhouse.train_student.trainable.find_spec", lambda _: None)
    with pytest.raises(StillhouseError, match=r"bitsandbytes.*stillhouse\[qlora\].*method: lora"):
        train_student(rows(), conf, 1.0, 0, tmp_path / "student")
    monkeypatch.setattr("stillhouse.train_student.trainable.find_spec", lambda _: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StillhouseError, match=r"for a GPU.*method: lora.*device: cpu"):
        train_student(rows(), conf, 1.0, 0, tmp_path / "student")


@pytest.mark.slow
def test_qlora_saves_the_model_that_it_trained(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    """The saved plain weights are the four-bit ones with what the adapters add to them."""
    pytest.importorskip("bitsandbytes", reason="the extra stillhouse[qlora] is not installed")
    prompt = torch.arange(5, 25)[None]
    logits = []

    def merging(model: Any, precision: Any) -> Any:
        logits.append(model(prompt).logits.detach())
        return merged(model, precision)

    monkeypatch.setattr("stillhouse.train_student.training.merged", merging)
    conf = make_conf(method="qlora", lora=LORA, training={"epochs": 4})
    losses = train_student(rows(), conf, 1.0, 0, tmp_path / "student").losses
    assert losses[-1][0] < losses[0][0]
    student = load_student(tmp_path / "student")
    torch.testing.assert_close(student.model(prompt).logits, logits[0], atol=1e-4, rtol=1e-4)
    assert "quantization_config" not in (tmp_path / "student/config.json").read_text(
        encoding="utf-8"
    )


def test_mse_trains(tmp_path: Path, make_conf: Make):
    conf = make_conf(training={"objective": "mse", "epochs": 10})
    losses = train_student(rows(), conf, 1.0, 0, tmp_path / "student").losses
    assert losses[-1][0] < losses[0][0] <= 2.0


def test_nothing_is_written_but_the_folder(
    tmp_path: Path,
    make_conf: Make,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    train_student(rows(), make_conf(), 1.0, 0, Path("models/student/seed=0"))
    assert [path.name for path in tmp_path.iterdir()] == ["models"]
    assert [path.name for path in (tmp_path / "models/student").iterdir()] == ["seed=0"]
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) <= 2
    assert "alpha 0.5" in err


def test_the_folder_says_where_it_came_from_without_paths(
    tmp_path: Path, tiny_models: Path, make_conf: Make
):
    train_student(rows(), make_conf(), 0.25, 3, tmp_path / "student")
    facts = json.loads((tmp_path / "student/stillhouse.json").read_text(encoding="utf-8"))[
        "training"
    ]
    assert (facts["seed"], facts["lambda"], facts["alpha"], facts["rows"]) == (3, 0.25, 0.8, 8)
    assert facts["rationales"] == 5
    for file in (tmp_path / "student").glob("*.json"):
        assert str(tmp_path) not in file.read_text(encoding="utf-8")
        assert str(tiny_models) not in file.read_text(encoding="utf-8")


def test_a_failed_training_leaves_the_old_student(tmp_path: Path, make_conf: Make):
    train_student(rows(), make_conf(), 1.0, 0, tmp_path / "student")
    before = weights(tmp_path / "student")
    conf = make_conf(training={"epochs": 4})
    # No file may ask for this.
    hotter = conf.training.model_copy(update={"learning_rate": 1e30, "max_grad_norm": 1e30})
    hot = conf.model_copy(update={"training": hotter})
    with pytest.raises(StillhouseError, match="stopped being a number"):
        train_student(rows(), hot, 1.0, 0, tmp_path / "student")
    assert weights(tmp_path / "student") == before
    assert [path.name for path in tmp_path.iterdir()] == ["student"]


def test_a_full_disk_is_found_before_training(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 99, 1))
    with pytest.raises(StillhouseError, match="disk space for the trained student"):
        train_student(rows(), make_conf(), 1.0, 0, tmp_path / "student")
    assert not (tmp_path / "student").exists()


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("decoder", {"source": "t5"}, "family: encoder_decoder"),
        ("encoder_decoder", {"source": "decoder"}, "family: decoder"),
        ("decoder", {"method": "lora", "lora": LORA | {"targets": ["q_prj"]}}, "'q_proj'"),
    ],
)
def test_mistakes_in_the_conf_are_named(
    tmp_path: Path, make_conf: Make, family: str, changes: dict[str, Any], message: str
):
    with pytest.raises(StillhouseError, match=message):
        train_student(rows(), make_conf(family, **changes), 1.0, 0, tmp_path / "student")


def test_weights_that_the_last_step_broke_are_not_saved(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    clip = torch.nn.utils.clip_grad_norm_
    steps = []

    def breaking(weights: Any, norm: float) -> Any:
        found = clip(list(weights), norm)
        steps.append(found)
        return found

    monkeypatch.setattr("torch.nn.utils.clip_grad_norm_", breaking)
    train_student(rows(), make_conf(), 1.0, 0, tmp_path / "fine")
    last = len(steps)
    steps.clear()

    def broken(weights: Any, norm: float) -> Any:
        listed = list(weights)
        found = breaking(listed, norm)
        if len(steps) == last:
            listed[0].grad.fill_(torch.inf)
        return found

    monkeypatch.setattr("torch.nn.utils.clip_grad_norm_", broken)
    for validation in (None, {"steps": 1, "metric": "accuracy"}):
        steps.clear()
        conf = make_conf(training={"validation": validation})
        train = partial(train_student, rows(), conf, 1.0, 0, tmp_path / "broken")
        if validation is None:
            with pytest.raises(StillhouseError, match="weights that are no numbers"):
                train()
            assert not (tmp_path / "broken").exists()
        else:
            curve = train(validation=rows(4))
            assert math.isnan(curve.scores[-1][1])
            saved = load_file(tmp_path / "broken" / "model.safetensors")
            assert all(value.isfinite().all() for value in saved.values())


def test_rows_are_checked_before_weights_are_loaded(tmp_path: Path, make_conf: Make):
    conf = make_conf(source="no such model")
    with pytest.raises(StillhouseError, match="training set is empty"):
        train_student([], conf, 1.0, 0, tmp_path / "student")
    bare = [row | {"rationale": None} for row in rows()]
    with pytest.raises(StillhouseError, match="none of the 8 training rows has a rationale"):
        train_student(bare, conf, 1.0, 0, tmp_path / "student")


def test_a_device_that_is_not_there_is_an_error(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StillhouseError, match="no CUDA device"):
        train_student(rows(), make_conf(compute={"device": "cuda"}), 1.0, 0, tmp_path / "s")


def test_the_untrained_student_is_the_source(tiny_models: Path, make_conf: Make):
    student = untrained_student(make_conf())
    source = load_file(tiny_models / "decoder" / "model.safetensors")
    for name, value in student.model.state_dict().items():
        assert torch.equal(value, source[name])
    random: StudentConf = make_conf(
        "encoder_decoder", source=None, tokenizer="t5", architecture=T5_TINY
    )
    first, second = (untrained_student(random).model.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_curve_is_rounded_and_thinned(tmp_path: Path):
    write_curve(tmp_path / "short.csv", Curve([(2.0, 1.0), (1.0, 0.123456789)]), 0.5)
    assert (tmp_path / "short.csv").read_text(encoding="utf-8").splitlines() == [
        "step,loss,label_loss,rationale_loss",
        "1,2.50000,2.00000,1.00000",
        "2,1.06173,1.00000,0.12346",
    ]
    write_curve(tmp_path / "long.csv", Curve([(1.0, 0.0)] * 1201), 0.0)
    lines = (tmp_path / "long.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 501
    assert lines[-1] == "1201,1.00000,1.00000,"


def test_frozen_weights_are_halved_only_where_nothing_is_lost(make_conf: Make):
    from stillhouse.students.weights import load_weights
    from stillhouse.train_student.trainable import prepare

    conf = make_conf(method="lora", lora=LORA, training={"precision": "bfloat16"})
    model, _ = load_weights(conf)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "layers.0." in name:
                weight.copy_(weight.bfloat16().float())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    prepared = prepare(model, conf)
    half = set()
    for name, value in prepared.state_dict().items():
        if "lora" not in name:
            plain = name.removeprefix("base_model.model.").replace(".base_layer", "")
            assert torch.equal(value.float(), before[plain])
            half |= {plain} if value.dtype == torch.bfloat16 else set()
    assert half
    assert all(name.startswith("model.layers.0.") and "_proj" in name for name in half)


def test_micro_batches_are_the_batch_in_pieces(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    from stillhouse.train_student import loop

    def seen(micro: int | None) -> list[list[str]]:
        pieces: list[list[str]] = []
        monkeypatch.setattr(
            loop,
            "collate",
            lambda rows, config: (
                pieces.append([row.id for row in rows]),
                objective.collate(rows, config),
            )[1],
        )
        conf = make_conf(compute={"device": "cpu", "micro_batch_size": micro})
        train_student(rows(10), conf, 0.5, 0, tmp_path / str(micro))
        return pieces

    whole = seen(None)
    assert [len(piece) for piece in whole] == [4, 4, 2]
    for micro in (1, 2, 3, 9):
        pieces = seen(micro)
        assert [id_ for piece in pieces for id_ in piece] == [id_ for p in whole for id_ in p]
        assert len(pieces) == sum(math.ceil(len(batch) / micro) for batch in whole)
        assert max(map(len, pieces)) == min(micro, 4)


def test_several_visible_gpus_do_not_split_a_batch(monkeypatch: pytest.MonkeyPatch):
    """Each process has one device, and its model is the one that it was given."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    accelerator = join_processes(cpu=False)
    assert accelerator.device.type == "cuda"
    model = torch.nn.Linear(2, 2)
    assert accelerator.prepare_model(model, device_placement=False) is model
    # A later training in this process is not bound to the device.
    assert join_processes(cpu=True).device.type == "cpu"


@pytest.mark.parametrize("strategy", ["FSDP", "DEEPSPEED"])
def test_sharded_processes_are_refused(monkeypatch: pytest.MonkeyPatch, strategy: str):
    monkeypatch.setenv(f"ACCELERATE_USE_{strategy}", "true")
    with pytest.raises(StillhouseError, match=r"FSDP or DeepSpeed.*--multi_gpu.*method: qlora"):
        join_processes(cpu=True)


def test_what_the_launcher_says_of_precision_and_accumulation_does_not_count(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    train_student(rows(), make_conf(), 1.0, 0, tmp_path / "plain")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    train_student(rows(), make_conf(), 1.0, 0, tmp_path / "launched")
    assert weights(tmp_path / "plain") == weights(tmp_path / "launched")
