"""A teacher's source must be pinned: its completions are kept, and must never be another's."""

from stillhouse.core.errors import StillhouseError
from stillhouse.core.templates import check_syntax
from stillhouse.core.uri import FileSource, HubSource, parse_source

HOSTED = "api://"
SCRIPTED = "scripted:"


LOCAL = ("transformers", "vllm", "ray")


def require_known_source(source: str, backend: str) -> None:
    """Raise unless a teacher's source is one that its backend can take."""
    if backend == "scripted":
        _require_template(source)
    elif backend == "recorded":
        parse_source(source)
    elif source.startswith((HOSTED, SCRIPTED)) and backend in LOCAL:
        raise StillhouseError(
            f"the backend `{backend}` computes here, and `model.source` is {source!r}, which names "
            "no weights"
        )
    else:
        require_pinned(source)


def _require_template(source: str) -> None:
    if not source.startswith(SCRIPTED):
        raise StillhouseError(
            f"the backend `scripted` needs a `model.source` that begins with {SCRIPTED}, not "
            f"{source!r}"
        )
    try:
        check_syntax(source.removeprefix(SCRIPTED))
    except ValueError as error:
        raise StillhouseError(f"`model.source` is {source!r}: {error}") from error


def require_pinned(source: str) -> None:
    """Raise unless the same source means the same weights for ever.

    Neither a branch of the hub nor a file without a hash does, not even below data/raw: DVC watches
    that folder for the dataset, not for this stage. A hosted model is whatever its name says.
    """
    if source.startswith((HOSTED, SCRIPTED)):
        return
    if "://" in source and not source.startswith(("hf://", "pypi://", "file:")):
        raise StillhouseError(
            f"The model.source {source!r} pins nothing that is known. For a hosted model "
            f"write {HOSTED}<host>/<dated name of the model>."
        )
    match parse_source(source):
        case FileSource(sha256=None):
            raise StillhouseError(
                f"The model.source {source!r} has no hash. Its completions are kept, and "
                "must not be taken for those of other content in the same place: "
                f"`stillhouse pin {source.removeprefix('file:')}` prints it with its #sha256=."
            )
        case HubSource() if source.endswith("#unpinned"):
            raise StillhouseError(
                f"The model.source {source!r} is a branch or tag, which can move. Its "
                "completions are kept, and must not be taken for those of later weights: write the "
                "full commit behind the @."
            )
