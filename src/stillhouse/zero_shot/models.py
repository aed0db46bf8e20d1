"""The models that the knob `zero_shot` names, each as a teacher is asked."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from stillhouse.config.compute import TransformersCompute
from stillhouse.config.knobs import ZeroShot
from stillhouse.config.prompt import PromptConf
from stillhouse.config.student import StudentConf, TrainedConf, trained_here
from stillhouse.config.teacher import Decoding, Model, TeacherConf
from stillhouse.config.whole import load_entry
from stillhouse.core.json_text import read_json_object
from stillhouse.sources.model_folder import model_folder
from stillhouse.zero_shot.zero_shot import Asked

NAMED = "`zero_shot: [student:...]`"
CHAT_TEMPLATES = ("chat_template.jinja", "chat_template.json")


def asked_models(
    named: Iterable[ZeroShot], teacher: TeacherConf, student: StudentConf, root: Path = Path()
) -> Iterator[Asked]:
    """Each of `named` with its prompt's entry, in order."""
    models = {"teacher": teacher}
    for name in named:
        who, prompt = name.split(":", 1)
        conf = load_entry(PromptConf, prompt, root)
        if who == "student" and who not in models:
            models[who] = as_teacher(trained_here(student, NAMED), teacher.decoding)
        yield Asked(name, models[who], conf)


def as_teacher(student: TrainedConf, decoding: Decoding) -> TeacherConf:
    """The untrained student, asked as a teacher is: greedily, through its own chat template if it
    has one, with as many tokens to answer as the teacher has.
    """
    model = student.model
    assert model.source is not None, "checked with the configuration"
    folder = model_folder(model.source, student.mirror)
    return TeacherConf(
        description=student.description,
        model=Model(
            name=model.source, source=model.source, mirror=student.mirror, dtype=model.precision
        ),
        format="chat" if _has_chat_template(folder) else "plain",
        context=_positions(folder),
        decoding=Decoding(max_tokens=decoding.max_tokens),
        compute=TransformersCompute(backend="transformers", device=student.compute.device),
    )


def _has_chat_template(folder: Path) -> bool:
    if any((folder / name).exists() for name in CHAT_TEMPLATES):
        return True
    path = folder / "tokenizer_config.json"
    return path.exists() and bool(read_json_object(path).get("chat_template"))


def _positions(folder: Path) -> int:
    """How many tokens the model can see; T5, whose positions are relative, has no limit."""
    config = read_json_object(folder / "config.json")
    return int(config.get("max_position_embeddings") or config.get("n_positions") or 1 << 20)
