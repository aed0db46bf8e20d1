"""The card as Markdown with the front matter of the hub's model cards.

It says what the configuration and the metrics say, and nothing else: no time, no path, no guess.
"""

from stillhouse.card.config import CardConfig
from stillhouse.card.limits import confusion, limits
from stillhouse.card.lineage import (
    fact,
    has_teacher,
    knobs,
    lineage,
    sources,
)
from stillhouse.card.markdown import block, code, items, table, text
from stillhouse.card.measured import Measured, Metrics
from stillhouse.card.usage import usage
from stillhouse.core.uri import HubSource, parse_source
from stillhouse.core.yaml import dump_yaml
from stillhouse.hooks.reference import is_reference
from stillhouse.kinds.measures import Figure, measure_of
from stillhouse.statistics.agreement import AGREEMENT
from stillhouse.students.folder import Manifest, ServedManifest

ENDS = ("", "_low", "_high")
PIPELINES = {"decoder": "text-generation", "encoder_decoder": "text2text-generation"}


def model_card(config: CardConfig, seed: int, measured: Measured) -> str:
    """The card of the student trained with `seed`."""
    manifest = measured.manifest
    training = [] if isinstance(manifest, ServedManifest) else _training(manifest)
    parts = [
        f"---\n{_front_matter(config, seed, measured)}---",
        f"# {text(_name(config, seed))}",
        text(config.student.description) + ".",
        "## Results",
        _results(config, measured),
        "## How it is used",
        usage(measured),
        "## Limits",
        "\n".join(f"- {limit}" for limit in limits(measured)),
        "## How it was made",
        items(lineage(config, measured)),
        "The knobs of `params.yaml` that had part:",
        block(dump_yaml(knobs(config.recipe)), "yaml"),
        *training,
        "## Licences",
        _licences(config),
    ]
    return "\n\n".join(parts) + "\n"


def _training(manifest: Manifest) -> list[str]:
    """What the training says of itself."""
    facts = {name: fact(value) for name, value in sorted(manifest.training.items())}
    return ["The training:", items(facts)]


def _name(config: CardConfig, seed: int) -> str:
    return f"{config.recipe.student} on {config.recipe.dataset}, seed {seed}"


def _front_matter(config: CardConfig, seed: int, measured: Measured) -> str:
    """The hub's metadata; what nobody stated (licence, language) is left out."""
    datasets = _hub_repos(*sources(config.dataset))
    served = config.student.is_served
    base = [] if served else _hub_repos(config.student.model.source)
    task = PIPELINES.get(config.student.model.family, PIPELINES["decoder"])
    result = {
        "task": {"type": task},
        "dataset": {
            "type": datasets[0] if datasets else config.recipe.dataset,
            "name": config.recipe.dataset,
            "split": "test",
        },
        "metrics": [{"type": name, "value": measured.student[name]} for name in _names(measured)],
    }
    values = {
        "library_name": None if served else "transformers",
        "pipeline_tag": task,
        "base_model": base[0] if base else None,
        "datasets": datasets or None,
        "tags": ["stillhouse", "distillation"],
        "model-index": [{"name": _name(config, seed), "results": [result]}],
    }
    given = {name: value for name, value in values.items() if value is not None}
    return dump_yaml(given)


def _hub_repos(*sources: str | None) -> list[str]:
    parsed = [parse_source(each) for each in sources if each and not is_reference(each)]
    return [source.repo for source in parsed if isinstance(source, HubSource)]


def _names(measured: Measured) -> list[str]:
    """The metrics of the test rows that have an interval."""
    of_test = [name for name in measured.student if not name.startswith("validation_")]
    return sorted(name for name in of_test if f"{name}_low" in measured.student)


def _results(config: CardConfig, measured: Measured) -> str:
    columns = {"this student": measured.student, **measured.references}
    measure = measure_of(config.dataset.answer.metric)
    figures = {each.name: each for each in (measure, *measure.beside)}
    rows = [
        [
            code(name),
            *(
                _score(metrics, figures.get(name, Figure(name, name)))
                for metrics in columns.values()
            ),
        ]
        for name in _names(measured)
    ]
    what = f"`{measure.name}` is {code(config.dataset.answer.metric)}"
    if measure.graded:
        what = f"`{measure.name}`, from {measure.scale.low:g} to {measure.scale.high:g}"
        if scored_with := measured.student.get("scored_with"):
            what += f"; scored with {text(scored_with)}"
    if AGREEMENT in measured.student:
        what = (
            "the test rows have no labels of their own: how often each says what the teacher says"
        )
    parts = [
        f"Of {measured.student['rows']:,} test rows, with 95% intervals over the rows ({what}). "
        "They do not say how far another seed would be.",
        table(["", *columns], rows),
        confusion(measured.confusion),
        _size(measured.student),
    ]
    return "\n\n".join(part for part in parts if part)


def _size(metrics: Metrics) -> str | None:
    """Parameters and bytes; what differs from machine to machine has no place in a card."""
    if "parameters" not in metrics:
        return None
    return (
        f"{metrics['parameters']:,} parameters, {metrics['bytes'] / 1e6:,.1f} MB on disk. Its "
        "speed and memory depend on the machine: `stillhouse results` has them where it was "
        "evaluated."
    )


def _score(metrics: Metrics, figure: Figure) -> str:
    if figure.name not in metrics:
        return ""
    mean, low, high = (figure.shown(metrics[f"{figure.name}{end}"]) for end in ENDS)
    return f"{mean} [{low}, {high}]"


def _licences(config: CardConfig) -> str:
    stated = {"Dataset": text(config.dataset.licence)}
    if has_teacher(config.recipe):
        stated["Teacher"] = _see(config.teacher.description, config.teacher.model.source)
    stated["Student"] = _see(config.student.description, config.student.model.source)
    return (
        "What the configuration states. Nobody has decided what follows for this student: read the "
        f"terms of each.\n\n{items(stated)}"
    )


def _see(description: str, source: str | None) -> str:
    """An entry of a model states no licence but in words: its source does."""
    return f"{text(description)}; {f'see its source, {code(source)}' if source else 'no weights'}"
