"""What had part in a student, and only that: the teacher whose words it learnt, its exemplars."""

from collections.abc import Iterator, Mapping
from typing import Any

from stillhouse.card.config import CardConfig
from stillhouse.card.markdown import code, text
from stillhouse.card.measured import Measured, Metrics
from stillhouse.config.dataset import DatasetConf
from stillhouse.config.knobs import Recipe
from stillhouse.students.folder import ServedManifest


def has_teacher(recipe: Recipe) -> bool:
    """Whether the student learnt from a teacher, or on rows that a teacher chose or wrote."""
    return bool(
        recipe.label_source == "teacher"
        or learns_rationales(recipe, "teacher")
        or recipe.label_filter == "correct"
        or recipe.synthetic
    )


def learns_rationales(recipe: Recipe, source: str) -> bool:
    """Whether it was trained on that source's rationales."""
    return recipe.rationale_source == source and recipe.lambda_ > 0


def knobs(recipe: Recipe) -> dict[str, Any]:
    """The knobs that had part, as `params.yaml` writes them."""
    named = {name: Recipe.model_fields[name].alias or name for name in _with_part(recipe)}
    return {key: getattr(recipe, name) for name, key in sorted(named.items())}


def _with_part(recipe: Recipe) -> Iterator[str]:
    yield from ("dataset", "student", "limit", "fraction", "label_source", "label_filter")
    yield from ("rationale_source", "lambda_")
    if recipe.lambda_ > 0:
        yield "rationale_filter"
    if has_teacher(recipe):
        yield from ("teacher", "prompt", "exemplars")
        if recipe.exemplars != "none":
            yield "k"
        if recipe.exemplars == "random":
            yield "exemplar_seed"
        if recipe.exemplars == "topk":
            yield "embedder"
    if recipe.synthetic:
        yield from ("real", "synthetic", "augment", "judge", "feedback")
    if recipe.feedback != "none":
        yield from ("feedback_student", "tau", "hard_at_tau", "hard_share")


def lineage(config: CardConfig, measured: Measured) -> dict[str, str]:
    """Where the student comes from, as named facts."""
    recipe = config.recipe
    added = {origin: measured.added[origin] for origin in ("real", "synthetic")}
    hashes = {name: f"SHA-256 {code(digest)}" for name, digest in measured.hashes.items()}
    facts = {
        "Dataset": f"{code(recipe.dataset)}: {text(config.dataset.description)}",
        "Source": ", ".join(map(code, sources(config.dataset))),
        "Examples": f"{counts(measured.data['rows'])}; {hashes['examples']}",
    }
    made = f"{counts(added)}; {hashes['training']}"
    if isinstance(measured.manifest, ServedManifest):
        facts["Made to train it"] = f"{made}; whether it was trained on them is known elsewhere"
    else:
        facts |= {
            "Trained on": made,
            "Learnt": f"labels {code(recipe.label_source)}, {_rationales(recipe)}; "
            f"{counts(measured.chosen)}",
        }
    if has_teacher(recipe):
        facts |= _teaching(config)
    base = config.student.model.source
    return facts | {
        "Student": f"{code(recipe.student)}, from {code(base) if base else 'random weights'}",
        "Made with": ", ".join(
            f"{text(name)} {code(number)}" for name, number in measured.serving.versions.items()
        ),
    }


def _rationales(recipe: Recipe) -> str:
    if recipe.rationale_source == "none" or recipe.lambda_ == 0:
        return "no rationales"
    return f"rationales {code(recipe.rationale_source)}"


def _teaching(config: CardConfig) -> dict[str, str]:
    recipe, decoding = config.recipe, config.teacher.decoding
    facts = {
        "Teacher": f"{code(recipe.teacher)}: {text(config.teacher.description)}",
        "Teacher's source": code(config.teacher.model.source),
        "Decoding": f"{code(config.teacher.format)}, temperature {decoding.temperature}, at most "
        f"{decoding.max_tokens} tokens",
        "Prompt": f"{code(recipe.prompt)}: {text(config.prompt.description)}; the reply is "
        f"{code(config.prompt.reply.of(config.dataset.task).content)}",
    }
    if recipe.exemplars != "none" and recipe.k:
        facts["Exemplars"] = f"{recipe.k} {recipe.exemplars}"
        if recipe.exemplars == "topk":
            facts["Exemplars"] += (
                f", nearest by {code(recipe.embedder)} ({code(config.embedder.source)})"
            )
    return facts


def sources(dataset: DatasetConf) -> list[str]:
    """The dataset's sources, each once: its own first, then those of its splits."""
    others = [split.source for split in dataset.splits.values() if split.source]
    return list(dict.fromkeys([dataset.source, *others]))


def counts(found: Metrics) -> str:
    """Counts by name, as one phrase."""
    return ", ".join(f"{value:,} {text(name.replace('_', ' '))}" for name, value in found.items())


def fact(value: object) -> str:
    """A value of the training's own facts."""
    if isinstance(value, Mapping):
        return ", ".join(f"{text(name)} {fact(inner)}" for name, inner in value.items())
    return "none" if value is None else code(value)
