"""What knobs and the entries that they name say against each other: found before anything runs.

Each rule looks at what it needs; one that needs an entry or a field that is missing or wrong is
left out, so the other mistakes are reported beside that one.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from stillhouse.config.augment import AugmentConf
from stillhouse.config.base import Conf
from stillhouse.config.dataset import SPLITS, UNLABELLED, DatasetConf
from stillhouse.config.judge import JudgeConf
from stillhouse.config.knobs import Recipe
from stillhouse.config.own import problems_of_own
from stillhouse.config.prompt import PromptConf
from stillhouse.config.running import problems_of_judge
from stillhouse.config.search import Candidate, SearchConf
from stillhouse.config.student import OF_PROMPT, StudentConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import did_you_mean
from stillhouse.core.templates import names_used
from stillhouse.kinds.measures import measure_of

RATINGS = (1.0, 5.0)
"""The scale of the ratings of conversations."""


class Chosen:
    """The knobs and the entries that they name; what could not be read is not there."""

    knobs: Recipe
    dataset: DatasetConf
    prompt: PromptConf
    teacher: TeacherConf
    student: StudentConf
    judge: JudgeConf
    augment: AugmentConf
    search: SearchConf

    def __init__(
        self,
        root: Path,
        knobs: Recipe | None,
        entries: Mapping[str, Conf],
        further: Mapping[str, PromptConf] = MappingProxyType({}),
    ) -> None:
        """`further`: the prompts that the search tries and that `zero_shot` names, by name."""
        self.root = root
        self.further = further
        self.__dict__.update(entries)
        if knobs is not None:
            self.knobs = knobs

    def ways(self) -> "list[Chosen]":
        """How the teacher may come to be asked: as the knobs say, or as each candidate of the
        search does.
        """
        try:
            candidates = self.search.candidates(self.teacher.decoding)
            known = [each for each in candidates if each.prompt in self.further]
        except AttributeError:
            known = []  # it needs what is missing or wrong
        return [self._asked_as(candidate) for candidate in known] or [self]

    def _asked_as(self, candidate: Candidate) -> "Chosen":
        way = Chosen(self.root, None, {}, self.further)
        way.__dict__.update(self.__dict__)
        way.prompt = self.further[candidate.prompt]
        way.teacher = self.teacher.model_copy(update={"decoding": candidate.decoding})
        if "knobs" in self.__dict__:
            way.knobs = self.knobs.model_copy(update={"prompt": candidate.prompt})
        return way

    @property
    def zero_shot(self) -> list[tuple[str, str, PromptConf]]:
        """Who is asked about the test rows as they are, and with which prompt."""
        named = (each.split(":", 1) for each in getattr(self.knobs, "zero_shot", ()))
        return [(who, name, self.further[name]) for who, name in named if name in self.further]

    @property
    def asks_judge_of_answers(self) -> bool:
        """Whether the judge scores the teacher's and the student's answers."""
        return self.knobs.feedback in ("hard", "mixed")

    @property
    def asks_judge_of_queries(self) -> bool:
        """Whether the judge scores new queries and their labels."""
        return self.knobs.synthetic > 0 and self.augment.verify.min_score is not None


Rule = Callable[[Chosen], Iterator[str]]


def contradictions(chosen: Chosen) -> list[str]:
    """A line for each."""
    found = []
    for way in chosen.ways():
        for rule in RULES:
            try:
                found += list(rule(way))
            except (AttributeError, KeyError):
                continue  # it needs what is missing or wrong
    return list(dict.fromkeys(found))


def _test_rows(c: Chosen) -> Iterator[str]:
    if "test" not in c.dataset.splits:
        origin = "train" if "train" in c.dataset.splits else UNLABELLED
        yield (
            f"`dataset: {c.knobs.dataset}` has no `test` split, so no student could be scored; "
            f"hold one out, such as `test: {{hold_out_from: {origin}, share: 0.2}}`"
        )
        return
    needs_label = measure_of(c.dataset.answer.metric).needs_label
    if needs_label and not c.dataset.has_labels("test") and "test" not in c.prompt.splits:
        yield (
            f"the test rows of `dataset: {c.knobs.dataset}` have no labels, so the student is "
            f"compared with the teacher there, and `prompt: {c.knobs.prompt}` does not ask about "
            f"them; set its `splits: {_splits(c, 'test')}`"
        )


def _nothing_is_right_or_wrong(c: Chosen) -> Iterator[str]:
    """What compares answers with labels, where scores are graded."""
    measure = measure_of(c.dataset.answer.metric)
    for knob, value, instead in (
        ("label_filter", "correct", "label_filter: none"),
        ("rationale_filter", "consistent", "rationale_filter: none"),
        ("feedback", "wrong", "feedback: hard"),
    ):
        if measure.graded and getattr(c.knobs, knob) == value:
            yield (
                f"`{knob}: {value}` needs answers that are right or wrong, and those of `dataset: "
                f"{c.knobs.dataset}` are scored by {measure.title.lower()}; set `{instead}`"
            )


def _task_has_a_prompt(c: Chosen) -> Iterator[str]:
    if c.dataset.task not in c.prompt.tasks:
        yield (
            f"`prompt: {c.knobs.prompt}` has no parts for the task of `dataset: "
            f"{c.knobs.dataset}`, {c.dataset.task}; it serves {', '.join(sorted(c.prompt.tasks))}"
        )


def _rows_to_ask_about(c: Chosen) -> Iterator[str]:
    splits = c.dataset.splits
    if {"train", UNLABELLED} & set(splits) and not set(c.prompt.splits) & set(splits):
        yield (
            f"`prompt: {c.knobs.prompt}` asks about {' and '.join(c.prompt.splits)} rows, and "
            f"`dataset: {c.knobs.dataset}` has none of them"
        )


def _labels_to_train_on(c: Chosen) -> Iterator[str]:
    """What needs gold labels of the training rows, where the dataset has none."""
    if not _only_unlabelled(c):
        return
    for knob, value, instead in (
        ("label_source", "gold", "label_source: teacher"),
        ("label_filter", "correct", "label_filter: none"),
        ("rationale_source", "gold", "rationale_source: teacher"),
        ("exemplars", "topk", "exemplars: none`, or `human"),
        ("exemplars", "random", "exemplars: none`, or `human"),
        ("feedback", "wrong", "feedback: hard"),
    ):
        if getattr(c.knobs, knob) == value:
            yield (
                f"`{knob}: {value}` needs training rows with labels, and `dataset: "
                f"{c.knobs.dataset}` has no `train` split; set `{instead}`"
            )
    if c.asks_judge_of_answers and c.judge.form == "reference":
        yield (
            f"`judge: {c.knobs.judge}` compares with gold labels (form `reference`), and `dataset: "
            f"{c.knobs.dataset}` has no `train` split; choose another, such as `judge: pairwise`"
        )


def _only_unlabelled(c: Chosen) -> bool:
    return "train" not in c.dataset.splits and UNLABELLED in c.dataset.splits


def _teacher_labels_rows(c: Chosen) -> Iterator[str]:
    """The splits without labels that are trained on or validated with the teacher's."""
    asked, splits = c.prompt.splits, c.dataset.splits
    if _only_unlabelled(c) and UNLABELLED not in asked and c.knobs.label_source == "teacher":
        yield (
            f"`dataset: {c.knobs.dataset}` has only rows without labels to train on, and `prompt: "
            f"{c.knobs.prompt}` does not ask about them; set its `splits: {_splits(c, UNLABELLED)}`"
        )
    if "validation" not in splits or c.dataset.has_labels("validation"):
        return
    if c.knobs.label_source == "gold" or "validation" not in asked:
        yield (
            f"the validation rows of `dataset: {c.knobs.dataset}` have no labels but the "
            f"teacher's: set `label_source: teacher`, and in `prompt: {c.knobs.prompt}` `splits: "
            f"{_splits(c, 'validation')}`"
        )


def _splits(c: Chosen, *more: str) -> str:
    """The prompt's splits that the dataset has, with some more, as YAML."""
    asked = {*c.prompt.splits, *more}
    return f"[{', '.join(split for split in SPLITS if split in asked & c.dataset.splits.keys())}]"


def _teacher_gives_labels(c: Chosen) -> Iterator[str]:
    if c.prompt.reply.content != "rationale":
        return
    for knob, value in (
        ("label_source", "teacher"),
        ("label_filter", "correct"),
        ("feedback", "hard"),
        ("feedback", "mixed"),
    ):
        if getattr(c.knobs, knob) == value:
            yield (
                f"`{knob}: {value}` needs the teacher's labels, and `prompt: {c.knobs.prompt}` "
                "asks for none (`reply: rationale`); choose a prompt that asks for a label"
            )
    if c.knobs.synthetic:
        yield (
            f"`synthetic: {c.knobs.synthetic}` needs a label for each new query, and `prompt: "
            f"{c.knobs.prompt}` explains one that is given (`reply: rationale`); choose a prompt "
            "that asks for a label"
        )


def _teacher_gives_rationales(c: Chosen) -> Iterator[str]:
    content = c.prompt.reply.of(c.dataset.task).content
    if c.knobs.rationale_source == "teacher" and content == "label":
        yield (
            f"`rationale_source: teacher`, but `prompt: {c.knobs.prompt}` asks for no rationale "
            "(`reply: label`); set `rationale_source: none` and `lambda: 0`, or choose a prompt "
            "that asks for one"
        )


def _dataset_gives_rationales(c: Chosen) -> Iterator[str]:
    if "train" not in c.dataset.splits:
        return
    if c.knobs.rationale_source == "gold" and c.dataset.fields_of("train").rationale is None:
        yield (
            f"`rationale_source: gold`, but `dataset: {c.knobs.dataset}` has no "
            "`fields.rationale`; set `rationale_source: teacher`, or `none` and `lambda: 0`"
        )


def _room_for_the_label(c: Chosen) -> Iterator[str]:
    """A token is seldom more than a word, and never more than one with a space in it."""
    marker = c.dataset.answer.markers[0]
    least = len(marker.split()) + 1
    tokens = c.teacher.decoding.max_tokens
    content = c.prompt.reply.of(c.dataset.task).content
    if content == "rationale_then_label" and tokens < least:
        yield (
            f"`decoding.max_tokens` of `teacher: {c.knobs.teacher}` is {tokens}, too few to write "
            f"{marker!r} and a label: at least {least}"
        )


def _people_wrote_exemplars(c: Chosen) -> Iterator[str]:
    wanted = c.knobs.exemplars == "human" and c.knobs.k > 0
    name = c.dataset.human_exemplars
    if name is None:
        if wanted:
            yield (
                f"`exemplars: human`, but `dataset: {c.knobs.dataset}` has no `human_exemplars`; "
                "name their file, or choose other `exemplars`"
            )
        return
    file = c.root / name
    if not file.is_file():
        near = [str(each.relative_to(c.root)) for each in file.parent.glob("*") if each.is_file()]
        yield (
            f"`human_exemplars` of `dataset: {c.knobs.dataset}` is {name!r}, which is no file."
            f"{did_you_mean(name, near)}".removesuffix(".")
        )
        return
    if not wanted or file.suffix != ".jsonl":
        return
    with file.open(encoding="utf-8", errors="replace") as lines:
        count = sum(bool(line.strip()) for line in lines)
    if count < c.knobs.k:
        yield f"`k` is {c.knobs.k}, but {name} has only {count} exemplars; lower `k`, or add some"


def _prefix_tells_the_tasks_apart(c: Chosen) -> Iterator[str]:
    templates = c.student.templates
    if isinstance(templates, str):
        return
    alike = templates.label_prefix == templates.rationale_prefix
    if c.knobs.lambda_ > 0 and (alike or "prefix" not in names_used(templates.query)):
        yield (
            f"`student: {c.knobs.student}` cannot tell which of label and rationale is asked for: "
            "`templates.query` has to show `{{ prefix }}`, and `label_prefix` and "
            "`rationale_prefix` have to differ; or set `lambda: 0`"
        )


def _prompt_asks_the_student(c: Chosen) -> Iterator[str]:
    if c.student.templates != OF_PROMPT:
        return
    asking = [task for task, parts in c.prompt.tasks.items() if parts.student]
    if c.dataset.task not in asking:
        others = f"; it asks them in {', '.join(asking)}" if asking else ""
        yield (
            f"`student: {c.knobs.student}` is asked with the prompt (`templates: prompt`), and "
            f"`prompt: {c.knobs.prompt}` has no `student` text for the task of `dataset: "
            f"{c.knobs.dataset}`, {c.dataset.task}{others}; choose `prompt: vanilla` or "
            "`elaborate`, or another student"
        )
    if c.knobs.lambda_ > 0:
        yield (
            f"`student: {c.knobs.student}` is asked with the prompt (`templates: prompt`), which "
            f"asks for labels alone, and `lambda` is {c.knobs.lambda_:g}; set `lambda: 0`"
        )


def _zero_shot_can_be_asked(c: Chosen) -> Iterator[str]:
    for who, name, prompt in c.zero_shot:
        if prompt.reply.content == "rationale":
            yield (
                f"`zero_shot` has `{who}:{name}`, a prompt that shows a row's own label (reply: "
                "rationale), and so cannot be asked about test rows"
            )
        elif c.dataset.task not in prompt.tasks:
            yield (
                f"`zero_shot` has `{who}:{name}`, a prompt without parts for the task of `dataset: "
                f"{c.knobs.dataset}`, {c.dataset.task}; it serves {', '.join(sorted(prompt.tasks))}"
            )
    asked = {who for who, _, _ in c.zero_shot}
    if asked and c.dataset.is_chat:
        yield (
            "`zero_shot` asks for one reply, and a conversation has several; set `zero_shot: []`. "
            "The teacher's replies are rated where the prompt's `splits` has `test`, and the "
            "untrained student's always"
        )
    needs_label = measure_of(c.dataset.answer.metric).needs_label
    if asked and needs_label and not c.dataset.has_labels("test"):
        yield (
            f"`zero_shot` scores models on the test rows, and those of `dataset: "
            f"{c.knobs.dataset}` have no labels; set `zero_shot: []`"
        )
    if "student" in asked and c.student.is_served:
        yield (
            f"`zero_shot` asks the untrained student, and nobody here has `student: "
            f"{c.knobs.student}` (family: served) as it was before; leave `student:` out of it"
        )
    elif "student" in asked and c.student.model.source is None:
        yield (
            f"`zero_shot` asks the untrained student, and `student: {c.knobs.student}` has random "
            "weights (`model.architecture`), which answer nothing; leave `student:` out of it"
        )
    if "teacher" in asked and c.teacher.compute.backend == "recorded":
        yield (
            f"`zero_shot` asks the teacher, and `teacher: {c.knobs.teacher}`, recorded outputs, "
            "cannot be asked with a prompt; leave it out, or choose another teacher"
        )


def _complexity_has_a_judge(c: Chosen) -> Iterator[str]:
    judge = Path("conf/judge/complexity.yaml")
    if getattr(c.knobs, "complexity", False) and not (c.root / judge).exists():
        yield (
            f"`complexity: true` asks the judge of {judge}, which does not exist; `stillhouse add "
            "judge complexity` brings it, or set `complexity: false`"
        )


def _gold_student_is_another(c: Chosen) -> Iterator[str]:
    if not getattr(c.knobs, "gold_student", False):
        return
    if "train" not in c.dataset.splits:
        yield (
            f"`gold_student: true` trains on gold labels, and `dataset: {c.knobs.dataset}` has no "
            "`train` split; set `gold_student: false`"
        )
    if c.student.is_served:
        yield (
            f"`gold_student: true` trains the student, and `student: {c.knobs.student}` is served "
            "(family: served); set `gold_student: false`"
        )
    if c.dataset.is_chat:
        yield "`gold_student: true` is not for conversations; set `gold_student: false`"
    own = c.knobs.label_source == "gold" and c.knobs.label_filter == "none" and c.knobs.real
    if own and not c.knobs.lambda_ and not c.knobs.synthetic:
        yield (
            "`gold_student: true` would train the run's own student again: `label_source: gold`, "
            "`lambda: 0` and nothing synthetic; set `gold_student: false`"
        )


def _validation_rows(c: Chosen) -> Iterator[str]:
    training = c.student.training
    if training and training.validation and "validation" not in c.dataset.splits:
        yield (
            f"`student: {c.knobs.student}` asks for `training.validation`, and `dataset: "
            f"{c.knobs.dataset}` has no `validation` split; hold one out, such as `validation: "
            "{hold_out_from: train, share: 0.1}`"
        )


def _served_student_is_whole(c: Chosen) -> Iterator[str]:
    """What wants weights of a student that others have trained."""
    if not c.student.is_served:
        return
    said = f"`student: {c.knobs.student}` is served, and"
    if c.knobs.feedback != "none":
        yield (
            f"`feedback: {c.knobs.feedback}` has the student trained and asked here: {said} its "
            "weights are elsewhere; set `feedback: none`, or choose another student"
        )
    seeds: tuple[int, ...] = getattr(c.knobs, "seeds", ())
    if len(seeds) > 1:
        yield (
            f"{said} one model has no {len(seeds)} seeds: set `seeds: [{seeds[0]}]`; another "
            "training of it is another entry, with a `name` and a `source` of its own"
        )


def _choices_to_decode(c: Chosen) -> Iterator[str]:
    if c.student.decoding.decode == "choices" and not c.dataset.fields_of("test").choices:
        yield (
            f"`student: {c.knobs.student}` decodes among choices, and `dataset: "
            f"{c.knobs.dataset}` has no `fields.choices`; set `decode: generate`"
        )


def _filters_are_there(c: Chosen) -> Iterator[str]:
    yield from problems_of_own(c.knobs, c.root)


def _rows_left(c: Chosen) -> Iterator[str]:
    trained = "train" if "train" in c.dataset.splits else UNLABELLED
    rows = c.dataset.splits[trained].rows
    known = [size for size in (rows, c.knobs.limit) if size is not None] if rows else []
    if not known:
        return
    size = min(known)
    if c.knobs.exemplars in ("topk", "random") and c.knobs.k >= size:
        yield (
            f"`k` is {c.knobs.k}, but `dataset: {c.knobs.dataset}` keeps {size} {trained} rows, "
            "and a row is not its own exemplar"
        )
    if size * c.knobs.fraction < 0.5:
        yield (
            f"`fraction` is {c.knobs.fraction:g}, which is no row of the {size} that `dataset: "
            f"{c.knobs.dataset}` keeps"
        )


def _new_queries_have_a_teacher(c: Chosen) -> Iterator[str]:
    if c.knobs.synthetic and c.teacher.compute.backend == "recorded":
        yield (
            f"`synthetic: {c.knobs.synthetic}` has new queries written and labelled, which "
            f"`teacher: {c.knobs.teacher}`, recorded outputs, cannot do; choose another teacher"
        )
    if c.knobs.synthetic and c.augment.decoding.max_tokens >= c.teacher.context:
        yield (
            f"`augment: {c.knobs.augment}` asks for queries of {c.augment.decoding.max_tokens} "
            f"tokens, which leaves no room for a prompt in the `context` of `teacher: "
            f"{c.knobs.teacher}`, {c.teacher.context}"
        )


def _judge_of_answers(c: Chosen) -> Iterator[str]:
    if not c.asks_judge_of_answers:
        return
    if c.judge.form == "query":
        yield (
            f"`feedback: {c.knobs.feedback}` needs a judge that sees answers, and `judge: "
            f"{c.knobs.judge}` sees queries alone (form `query`), such as `judge: pairwise`"
        )
    low, high = c.judge.scale
    most = high - low
    if c.knobs.tau > most or (c.knobs.tau == most and not c.knobs.hard_at_tau):
        yield (
            f"`tau` is {c.knobs.tau:g}, but scores of `judge: {c.knobs.judge}` are at most "
            f"{most:g} apart, so no row could be hard; lower `tau`"
        )


def _judge_of_queries(c: Chosen) -> Iterator[str]:
    least = c.augment.verify.min_score
    if not c.asks_judge_of_queries or least is None:
        return
    if c.judge.form not in ("answer", "query"):
        yield (
            f"`verify.min_score` of `augment: {c.knobs.augment}` needs a judge that scores one "
            f"answer or query, and `judge: {c.knobs.judge}` has the form `{c.judge.form}`; set "
            "`judge: hhh`, or `verify.min_score: null`"
        )
    low, high = c.judge.scale
    if not low <= least <= high:
        yield (
            f"`verify.min_score` of `augment: {c.knobs.augment}` is {least:g}, outside the scale "
            f"of `judge: {c.knobs.judge}`, {low:g} to {high:g}"
        )


def _judge_can_be_asked(c: Chosen) -> Iterator[str]:
    if not (c.asks_judge_of_answers or c.asks_judge_of_queries or c.dataset.is_chat):
        return
    problems = [] if c.judge.teacher else problems_of_judge(c.judge, c.teacher)
    for problem in problems:
        yield (
            f"`judge: {c.knobs.judge}` is asked through `teacher: {c.knobs.teacher}`, and cannot "
            f"be: {problem}"
        )


def _rows_to_search_on(c: Chosen) -> Iterator[str]:
    if not c.search.prompts:
        return
    if "validation" not in c.dataset.splits:
        yield (
            f"`search: {c.knobs.search}` chooses on validation rows, and `dataset: "
            f"{c.knobs.dataset}` has no `validation` split; hold one out, such as `validation: "
            "{hold_out_from: train, share: 0.1}`, or set `search: none`"
        )
    elif measure_of(c.dataset.answer.metric).needs_label and not c.dataset.has_labels("validation"):
        yield (
            f"`search: {c.knobs.search}` chooses by labels, and the validation rows of `dataset: "
            f"{c.knobs.dataset}` have none; label some (docs/labels.md), or set `search: none`"
        )


def _candidates_to_choose_from(c: Chosen) -> Iterator[str]:
    if not c.search.prompts:
        return
    if c.dataset.is_chat:
        yield (
            f"`search: {c.knobs.search}` asks for one reply a row, and a conversation has several; "
            "set `search: none`"
        )
    if len(c.search.candidates(c.teacher.decoding)) < 2:
        yield (
            f"`search: {c.knobs.search}` has one candidate, so there is nothing to choose; name "
            "more `prompts` or values of `decoding` (greedy decodings ignore `top_p`), or set "
            "`search: none`"
        )
    if c.teacher.compute.backend == "recorded":
        yield (
            f"`search: {c.knobs.search}` asks in several ways, and `teacher: {c.knobs.teacher}` "
            "has recorded outputs, the same for each; choose another teacher, or set `search: none`"
        )


def _candidate_can_be_asked(c: Chosen) -> Iterator[str]:
    """Of a way that the search may choose; without a search the entries' own rules see to it."""
    if not c.search.prompts:
        return
    if c.prompt.reply.content == "rationale":
        yield (
            f"`search: {c.knobs.search}` compares labels with gold, and `prompt: "
            f"{c.knobs.prompt}` asks for none (`reply: rationale`); leave it out"
        )
    if c.teacher.decoding.max_tokens >= c.teacher.context:
        yield (
            f"`search: {c.knobs.search}` sets `max_tokens` to {c.teacher.decoding.max_tokens}, "
            f"which leaves no room for a prompt in the `context` of `teacher: {c.knobs.teacher}`, "
            f"{c.teacher.context}"
        )
    if c.teacher.decoding.samples > 1 and c.teacher.decoding.temperature == 0:
        yield (
            f"`search: {c.knobs.search}` sets `temperature` to 0, and `teacher: "
            f"{c.knobs.teacher}` wants {c.teacher.decoding.samples} samples of a row, which would "
            "be all alike"
        )


def _chat(c: Chosen) -> Iterator[str]:
    """What single queries have and conversations do not."""
    if not c.dataset.is_chat:
        return
    rows = f"`dataset: {c.knobs.dataset}` has conversations"
    if c.knobs.feedback != "none":
        yield f"{rows}, about which nobody gives feedback; set `feedback: none`"
    if c.knobs.synthetic:
        yield f"{rows}, to which no new queries are added; set `synthetic: 0`"
    if c.knobs.label_filter == "correct":
        yield f"{rows}, of whose replies none is right or wrong; set `label_filter: none`"


def _chat_judge(c: Chosen) -> Iterator[str]:
    if not c.dataset.is_chat:
        return
    if c.judge.form != "answer" or c.judge.scale != RATINGS:
        low, high = c.judge.scale
        yield (
            f"replies to conversations are rated from 1 to 5, each by itself, and `judge: "
            f"{c.knobs.judge}` has the form `{c.judge.form}` and scores from {low:g} to {high:g}; "
            "set `judge: hhh`"
        )


def _chat_teacher(c: Chosen) -> Iterator[str]:
    if not c.dataset.is_chat:
        return
    named = f"`teacher: {c.knobs.teacher}`"
    if c.teacher.compute.backend == "recorded":
        yield (
            f"the turns of a conversation are asked one after the other, and {named} has recorded "
            "outputs; choose another teacher"
        )
    if c.teacher.decoding.samples > 1:
        yield (
            f"{named} gives several samples, and the turns of a conversation follow one of them; "
            "set `decoding.samples: 1`"
        )


def _chat_student(c: Chosen) -> Iterator[str]:
    if not c.dataset.is_chat:
        return
    named, student = f"`student: {c.knobs.student}`", c.student
    if student.templates != OF_PROMPT:
        yield (
            f"{named} has templates of its own, and conversations go through its chat template: "
            "set `templates: prompt`, or choose `student: smollm2_135m_chat`"
        )
    if student.is_served:
        yield f"{named} is served (family: served), and only a student that is trained here chats"
    elif student.model.family != "decoder":
        yield f"{named} is no decoder, and conversations are one text that goes on"
    if student.decoding.decode == "choices":
        yield f"{named} decodes among choices, and replies are free; set `decode: generate`"
    if any("\n" in stop and not stop.strip() for stop in student.decoding.stop):
        yield (
            f"{named} stops at a line break, which would end every reply at its first line; set "
            "`decoding.stop: []`"
        )
    validation = student.training.validation if student.training else None
    if validation and validation.metric == "accuracy":
        yield (
            f"{named} is validated by `accuracy`, and no reply is wholly right; set "
            "`training.validation.metric: loss`"
        )


RULES: tuple[Rule, ...] = (
    _test_rows,
    _nothing_is_right_or_wrong,
    _task_has_a_prompt,
    _rows_to_ask_about,
    _labels_to_train_on,
    _teacher_labels_rows,
    _teacher_gives_labels,
    _teacher_gives_rationales,
    _dataset_gives_rationales,
    _room_for_the_label,
    _people_wrote_exemplars,
    _prefix_tells_the_tasks_apart,
    _prompt_asks_the_student,
    _zero_shot_can_be_asked,
    _complexity_has_a_judge,
    _gold_student_is_another,
    _validation_rows,
    _served_student_is_whole,
    _choices_to_decode,
    _filters_are_there,
    _rows_left,
    _new_queries_have_a_teacher,
    _judge_of_answers,
    _judge_of_queries,
    _judge_can_be_asked,
    _rows_to_search_on,
    _candidates_to_choose_from,
    _candidate_can_be_asked,
    _chat,
    _chat_judge,
    _chat_teacher,
    _chat_student,
)
