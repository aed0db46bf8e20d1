"""The folder of a trained student: all that predicting needs, and where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from stillhouse.config.base import Conf
from stillhouse.config.student import (
    SERVED,
    Asked,
    Family,
    Precision,
    ServedModel,
    StudentConf,
    Templates,
    TrainedConf,
)
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import allow, atomic_directory, require_disk_space, write_json
from stillhouse.core.json_text import read_json_object
from stillhouse.sources.model_files import require_sound
from stillhouse.students.text import StudentText
from stillhouse.students.weights import load_weights, read_model, read_tokenizer, torch_type

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedModel

FORMAT = 1
TOKENIZER_BYTES = 16 << 20


class Manifest(Conf):
    """What `stillhouse.json` says about the student in its folder."""

    format: int
    family: Family
    precision: Precision
    templates: Templates | Asked
    max_query_tokens: int
    max_target_tokens: int
    training: dict[str, Any]
    """How it came to be, for people: seed, lambda, alpha, rows, steps, truncations, source."""


class ServedManifest(Conf):
    """What `stillhouse.json` says about a student whose weights are not in its folder."""

    format: int
    family: Literal["served"]
    model: ServedModel
    templates: Asked


@dataclass(frozen=True)
class Student:
    """A model with its text handling, ready to predict."""

    model: "PreTrainedModel"
    text: StudentText


def untrained_student(conf: TrainedConf, seed: int = 0) -> Student:
    """The student before training, as it would be saved; `seed` makes random weights."""
    from transformers import set_seed

    set_seed(seed)
    model, tokenizer = load_weights(conf)
    model.to(torch_type(conf.model.precision))  # type: ignore[arg-type]
    return Student(model, StudentText.of(conf, tokenizer))


def weight_bytes(model: "PreTrainedModel", precision: Precision) -> int:
    """The size of the weights as saved; tied ones count once."""
    return model.num_parameters() * torch_type(precision).itemsize


def require_space(folder: Path, needed: int) -> None:
    """Fail before training when the trained student would not fit beside what is there."""
    require_disk_space(folder, needed + TOKENIZER_BYTES, "the trained student")


def save_student(
    folder: Path, student: Student, precision: Precision, training: Mapping[str, Any]
) -> None:
    """Write weights, tokenizer, generation config and manifest; the folder appears whole.

    Equal students give equal bytes: no times and no paths.
    """
    text = student.text
    manifest = Manifest(
        format=FORMAT,
        family=text.family,
        precision=precision,
        templates=text.templates,
        max_query_tokens=text.max_query_tokens,
        max_target_tokens=text.max_target_tokens,
        training=dict(training),
    )
    student.model.generation_config = greedy(student)
    with atomic_directory(folder) as temporary:
        student.model.save_pretrained(temporary)
        text.tokenizer.save_pretrained(temporary)
        write_json(temporary / paths.MANIFEST, _as_written(manifest))
        for file in temporary.iterdir():
            allow(file)  # safetensors writes files that only their owner may read


def save_served(folder: Path, conf: StudentConf) -> None:
    """Write the folder of a student that is served: its manifest alone."""
    assert isinstance(conf.model, ServedModel)
    assert isinstance(conf.templates, Asked), "the prompt's templates are put in its place"
    manifest = ServedManifest(
        format=FORMAT, family=SERVED, model=conf.model, templates=conf.templates
    )
    with atomic_directory(folder) as temporary:
        write_json(temporary / paths.MANIFEST, _as_written(manifest))


def _as_written(manifest: Manifest | ServedManifest) -> dict[str, Any]:
    """Its values; of a student without conversations nothing says that it has none."""
    values = manifest.model_dump()
    if not values["templates"].get("chat"):
        values["templates"].pop("chat", None)
    return values


def load_student(folder: Path) -> Student:
    """Read a saved student; nothing but its folder is needed."""
    manifest = read_manifest(folder)
    require_sound(folder, str(folder))
    return Student(
        read_model(folder, manifest.family, manifest.precision),
        StudentText(
            read_tokenizer(folder),
            manifest.family,
            manifest.templates,
            manifest.max_query_tokens,
            manifest.max_target_tokens,
        ),
    )


def read_manifest(folder: Path) -> Manifest:
    """What a saved student says about itself; one without weights here is an error."""
    found = read_any_manifest(folder)
    if isinstance(found, ServedManifest):
        raise StillhouseError(
            f"{folder} holds no weights: its student is served elsewhere, as {found.model.name!r} "
            f"({found.model.source}). Ask that server; the card shows a request."
        )
    return found


def read_any_manifest(folder: Path) -> Manifest | ServedManifest:
    """The same of a student that is served, too; a folder without a manifest is an error."""
    path = folder / paths.MANIFEST
    if not path.exists():
        raise StillhouseError(
            f"{path} does not exist: {folder} holds no trained student. Run `dvc repro` to train "
            "it, or `dvc pull` to fetch it."
        )
    values = read_json_object(path)
    if values.get("format") != FORMAT:
        raise StillhouseError(
            f"{path} has format {values.get('format')!r}, this version reads {FORMAT}: "
            "run `dvc repro` to train the student again."
        )
    try:
        if values.get("family") == SERVED:
            return ServedManifest.model_validate(values)
        return Manifest.model_validate(values)
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"]))
        raise StillhouseError(
            f"{path} is damaged: `{where}`: {detail['msg']}. Fetch the student anew."
        ) from error


def greedy(student: Student) -> "GenerationConfig":
    """Greedy decoding: what the pretrained model's own settings say about sampling is dropped."""
    from transformers import GenerationConfig

    config = student.model.config
    return GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False,
        num_beams=1,
        bos_token_id=getattr(config, "bos_token_id", None),
        eos_token_id=student.text.end,
        pad_token_id=student.text.pad,
        decoder_start_token_id=getattr(config, "decoder_start_token_id", None),
    )
