"""Whether a teacher, a judge or a served student can be run as its entry says: found before the
first request.
"""

from collections.abc import Iterator

from pydantic import ValidationError

from stillhouse.config.base import Conf
from stillhouse.config.compute import OpenAICompute
from stillhouse.config.judge import JudgeConf, judging_model
from stillhouse.config.mistakes import line
from stillhouse.config.pinning import require_known_source
from stillhouse.config.student import ServedModel, StudentConf, served_teacher
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError


def problems_of_running(conf: Conf) -> list[str]:
    """Why what a file describes cannot be asked; empty for files of other groups."""
    found: list[str] = []
    try:
        if isinstance(conf, TeacherConf):
            found = list(_of_teacher(conf))
        elif isinstance(conf, JudgeConf) and conf.teacher is not None:
            found = list(problems_of_judge(conf, None))
        elif isinstance(conf, StudentConf):
            found = list(_of_student(conf))
    except AttributeError:  # it needs a field that is wrong
        pass
    return found


def problems_of_judge(judge: JudgeConf, teacher: TeacherConf | None) -> Iterator[str]:
    """Why a judge cannot be asked, with `teacher` where it has no model of its own."""
    compute = judge.compute or (teacher.compute if teacher else None)
    if compute is None:
        return  # its entry says so already
    if compute.backend == "recorded":
        yield "its model is recorded outputs, which complete no new prompt"
        return
    try:
        model = judging_model(judge, teacher)
    except ValidationError as error:
        yield from (line(detail).removesuffix(".") for detail in error.errors(include_url=False))
    else:
        yield from _of_teacher(model)


def _of_student(student: StudentConf) -> Iterator[str]:
    if not isinstance(student.model, ServedModel) or not isinstance(student.compute, OpenAICompute):
        return
    try:
        model = served_teacher(student.model, student.decoding, student.compute, student.price)
    except ValidationError as error:
        yield from (line(detail).removesuffix(".") for detail in error.errors(include_url=False))
    else:
        yield from _of_teacher(model)


def _of_teacher(teacher: TeacherConf) -> Iterator[str]:
    backend, tokens = teacher.compute.backend, teacher.decoding.max_tokens
    try:
        require_known_source(teacher.model.source, backend)
    except StillhouseError as error:
        yield str(error).removesuffix(".")
    if (backend == "recorded") != bool(teacher.model.recorded):
        yield "the backend `recorded` and files under `model.recorded` go together"
    if backend == "recorded" and teacher.decoding.samples > 1:
        yield "a recorded teacher has one completion for each row: `decoding.samples` is 1"
    budget, price = teacher.compute.budget, teacher.price
    if budget and budget.tokens and budget.tokens <= tokens:
        yield (
            f"a `budget` of {budget.tokens:,} tokens lets nothing be asked: one completion may "
            f"take {tokens:,} (`decoding.max_tokens`)"
        )
    most = tokens * price.completion / 1e6
    if budget and budget.money and budget.money < most:
        yield (
            f"a `budget` of {budget.money:g} lets nothing be asked: one completion may cost "
            f"{most:g} {price.currency} (`decoding.max_tokens` at `price.completion`)"
        )
