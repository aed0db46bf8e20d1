"""`hf://`: a snapshot of a hub repository, in the hub library's own cache."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from stillhouse.core.errors import StillhouseError
from stillhouse.core.uri import HubSource

# Weights as safetensors, the configuration and the tokenizer. Pickled weights come only when asked
# for by name, where there are no others; code only where the entry allows it to run.
MODEL_FILES = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
CODE_FILES = ("*.py",)
# Other formats of the same weights.
UNUSED_FILES = ("onnx/*", "openvino/*", "original/*", "consolidated*", "*.duckdb")


class HubUnreachable(StillhouseError):
    """There is no way to the hub, and its cache does not hold what is asked for."""


def fetch_snapshot(
    source: HubSource,
    kind: Literal["model", "dataset"],
    paths: Sequence[str] = (),
    *,
    code: bool = False,
) -> Path:
    """The file or folder that `source` names, downloaded unless the hub cache has it.

    Only what is needed comes: of a model the configuration, tokenizer and safetensors, and with
    `code` its Python files; with `paths` (or a path in the source) only those. Honours HF_HOME,
    HF_TOKEN and HF_HUB_OFFLINE.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        snapshot = snapshot_download(
            source.repo,
            repo_type=kind,
            revision=source.revision,
            allow_patterns=_patterns(source, kind, paths, code),
            ignore_patterns=list(UNUSED_FILES if code else UNUSED_FILES + CODE_FILES),
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        unreachable = isinstance(error, LocalEntryNotFoundError)
        raised = HubUnreachable if unreachable else StillhouseError
        raise raised(_failure(source, kind, error)) from error
    found = Path(snapshot) / source.path
    for path in paths or [""]:
        if not (found / path).exists():
            raise StillhouseError(
                f"The {kind} {source.repo} has no {(source.path + '/' + path).strip('/')!r} at "
                f"revision {source.revision}. Look at its list of files on the hub."
            )
    return found


def _patterns(source: HubSource, kind: str, paths: Sequence[str], code: bool) -> list[str] | None:
    roots = [f"{source.path}/{path}".strip("/") for path in paths] or [source.path]
    if roots == [""]:
        return list(MODEL_FILES + CODE_FILES * code) if kind == "model" else None
    return [pattern for root in roots for pattern in (root, f"{root}/*")]


def _failure(source: HubSource, kind: str, error: Exception) -> str:
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        advice = (
            "It is gated: accept its terms on its page on the hub, then set HF_TOKEN in the "
            "environment to a token of that account."
        )
    elif isinstance(error, RepositoryNotFoundError):
        advice = "No such repository: check the name. If it is private, set HF_TOKEN."
    elif isinstance(error, RevisionNotFoundError):
        advice = f"It has no revision {source.revision}: copy a commit from its history."
    elif isinstance(error, LocalEntryNotFoundError):
        advice = (
            "The hub cannot be reached (or HF_HUB_OFFLINE is set), and the hub cache does not "
            "hold all of this revision. Fetch it on a machine with a network and copy HF_HOME "
            "here, or set STILLHOUSE_MIRROR to a folder that has a copy."
        )
    else:
        advice = f"The hub responded: {str(error).splitlines()[0]}"
    return f"Could not fetch the {kind} {source.repo} at revision {source.revision}. {advice}"
