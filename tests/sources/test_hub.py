import io

import httpx2
import pytest
import torch
from safetensors.torch import save

from stillhouse.core.errors import StillhouseError
from stillhouse.sources.model_folder import model_folder
from stillhouse.sources.resolve import resolve
from tests.sources.hub import COMMIT, make_snapshot, use_cache

WEIGHTS = save({"weight": torch.ones(3)})


@pytest.fixture
def hub(tmp_path, monkeypatch):
    use_cache(monkeypatch, tmp_path)
    return tmp_path


def test_a_model_comes_from_the_hub_cache_without_a_network(hub):
    files = {"config.json": b"{}", "model.safetensors": WEIGHTS, "tokenizer.json": b"{}"}
    snapshot = make_snapshot(hub, "model", "org/model", files)
    assert model_folder(f"hf://org/model@{COMMIT}") == snapshot
    assert model_folder("hf://org/model@main#unpinned") == snapshot


def test_a_file_or_folder_of_a_repository(hub):
    snapshot = make_snapshot(hub, "model", "org/model", {"sub/config.json": b"{}"})
    assert resolve(f"hf://org/model/sub@{COMMIT}", kind="model") == snapshot / "sub"
    with pytest.raises(StillhouseError, match="has no 'other'"):
        resolve(f"hf://org/model/other@{COMMIT}", kind="model")


def test_pickled_weights_are_converted_where_there_are_no_others(hub):
    content = io.BytesIO()
    torch.save({"weight": torch.ones(3)}, content)
    files = {"config.json": b"{}", "pytorch_model.bin": content.getvalue()}
    snapshot = make_snapshot(hub, "model", "org/pickled", files)
    converted = model_folder(f"hf://org/pickled@{COMMIT}")
    assert converted != snapshot
    assert list(converted.glob("*.safetensors"))
    (snapshot / "model.safetensors").write_bytes(WEIGHTS)
    assert model_folder(f"hf://org/pickled@{COMMIT}") == snapshot


def test_a_model_without_weights_is_refused(hub):
    make_snapshot(hub, "model", "org/bare", {"config.json": b"{}"})
    with pytest.raises(StillhouseError, match=r"neither \*\.safetensors.*pytorch_model\.bin"):
        model_folder(f"hf://org/bare@{COMMIT}")


def test_without_a_network_the_message_says_what_helps(hub):
    with pytest.raises(StillhouseError) as error:
        resolve(f"hf://org/absent@{COMMIT}", kind="model")
    for part in ("org/absent", COMMIT, "HF_HUB_OFFLINE", "STILLHOUSE_MIRROR"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("GatedRepoError", "HF_TOKEN"),
        ("RepositoryNotFoundError", "check the name"),
        ("RevisionNotFoundError", "copy a commit"),
        ("HfHubHTTPError", "The hub responded"),
    ],
)
def test_the_hubs_refusals_are_explained(hub, monkeypatch, name, says):
    from huggingface_hub import errors

    response = httpx2.Response(403, request=httpx2.Request("GET", "https://hub.invalid"))

    def refuse(*args, **options):
        raise getattr(errors, name)("no", response=response)

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(StillhouseError) as error:
        resolve(f"hf://org/model@{COMMIT}", kind="model")
    assert says in str(error.value)
