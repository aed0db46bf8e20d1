"""The card as Markdown with the front matter of the hub's model cards.

It says what the configuration and the metrics say, and nothing else: no time, no path, no guess.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stillhouse.card.config import CardConfig
from stillhouse.card.markdown import block, code, items, table, text
from stillhouse.config.dataset import DatasetConf
from stillhouse.core.uri import HubSource, parse_source
from stillhouse.core.yaml import dump_yaml
from stillhouse.statistics.agreement import AGREEMENT

Metrics = Mapping[str, Any]
PIPELINES = {"decoder": "text-generation", "encoder_decoder": "text2text-generation"}


@dataclass(frozen=True)
class Measured:
    """What the run measured about one student, as the metrics files hold it."""

    student: Metrics
    """Of the test rows."""
    references: Mapping[str, Metrics]
    """The same of the untrained student and of the majority class."""
    data: Metrics
    """Rows by split, rejects, overlap."""
    chosen: Metrics
    """What the feedback stage counted."""
    added: Metrics
    """What the augment stage counted."""
    training: Metrics
    """What the training says in its manifest."""
    hashes: Mapping[str, str]
    """SHA-256 by table: the dataset's examples, and the rows that were trained on."""


def model_card(config: CardConfig, seed: int, measured: Measured) -> str:
    """The card of the student trained with `seed`."""
    parts = [
        f"---\n{_front_matter(config, seed, measured)}---",
        f"# {text(_name(config, seed))}",
        text(config.student.description) + ".",
        "## Results",
        _results(config, measured),
        "## How it was made",
        items(_lineage(config, measured)),
        "The knobs of `params.yaml`:",
        block(dump_yaml(config.recipe.model_dump(by_alias=True)), "yaml"),
        "The training:",
        items({name: _fact(value) for name, value in sorted(measured.training.items())}),
        "## How it is used",
        _usage(config),
        "## Licences",
        _licences(config),
    ]
    return "\n\n".join(parts) + "\n"


def _name(config: CardConfig, seed: int) -> str:
    return f"{config.recipe.student} on {config.recipe.dataset}, seed {seed}"


def _front_matter(config: CardConfig, seed: int, measured: Measured) -> str:
    """The hub's metadata; what nobody stated (licence, language) is left out."""
    datasets = _hub_repos(*_sources(config.dataset))
    base = _hub_repos(config.student.model.source)
    result = {
        "task": {"type": PIPELINES[config.student.model.family]},
        "dataset": {
            "type": datasets[0] if datasets else config.recipe.dataset,
            "name": config.recipe.dataset,
            "split": "test",
        },
        "metrics": [
            {"type": name, "value": measured.student[name]} for name in _share_names(measured)
        ],
    }
    values = {
        "library_name": "transformers",
        "pipeline_tag": PIPELINES[config.student.model.family],
        "base_model": base[0] if base else None,
        "datasets": datasets or None,
        "tags": ["stillhouse", "distillation"],
        "model-index": [{"name": _name(config, seed), "results": [result]}],
    }
    given = {name: value for name, value in values.items() if value is not None}
    return dump_yaml(given)


def _sources(dataset: DatasetConf) -> list[str]:
    """The dataset's sources, each once: its own first, then those of its splits."""
    others = [split.source for split in dataset.splits.values() if split.source]
    return list(dict.fromkeys([dataset.source, *others]))


def _hub_repos(*sources: str | None) -> list[str]:
    parsed = [parse_source(source) for source in sources if source]
    return [source.repo for source in parsed if isinstance(source, HubSource)]


def _share_names(measured: Measured) -> list[str]:
    """The metrics of the test rows that are shares, and so have an interval."""
    of_test = [name for name in measured.student if not name.startswith("validation_")]
    return sorted(name for name in of_test if f"{name}_low" in measured.student)


def _results(config: CardConfig, measured: Measured) -> str:
    columns = {"this student": measured.student, **measured.references}
    rows = [
        [code(name), *(_share(metrics, name) for metrics in columns.values())]
        for name in _share_names(measured)
    ]
    what = f"`accuracy` is {code(config.dataset.answer.metric)}"
    if AGREEMENT in measured.student:
        what = (
            "the test rows have no labels of their own: how often each says what the teacher says"
        )
    return (
        f"Of {measured.student['rows']:,} test rows, with 95% intervals over the rows ({what}). "
        "They do not say how far another seed would be.\n\n" + table(["", *columns], rows)
    )


def _share(metrics: Metrics, name: str) -> str:
    if name not in metrics:
        return ""
    low, high = (metrics[f"{name}_{end}"] for end in ("low", "high"))
    return f"{metrics[name]:.1%} [{low:.1%}, {high:.1%}]"


def _lineage(config: CardConfig, measured: Measured) -> dict[str, str]:
    recipe = config.recipe
    added = {origin: measured.added[origin] for origin in ("real", "synthetic")}
    hashes = {name: f"SHA-256 {code(digest)}" for name, digest in measured.hashes.items()}
    facts = {
        "Dataset": f"{code(recipe.dataset)}: {text(config.dataset.description)}",
        "Source": ", ".join(map(code, _sources(config.dataset))),
        "Examples": f"{_counts(measured.data['rows'])}; {hashes['examples']}",
        "Trained on": f"{_counts(added)}; {hashes['training']}",
        "Labels and rationales": f"labels {code(recipe.label_source)}, rationales "
        f"{code(recipe.rationale_source)}; {_counts(measured.chosen)}",
    }
    if "teacher" in (recipe.label_source, recipe.rationale_source) or recipe.synthetic:
        facts |= _teaching(config)
    base = config.student.model.source
    return facts | {"Student": f"{code(recipe.student)}, from {code(base) if base else 'random'}"}


def _teaching(config: CardConfig) -> dict[str, str]:
    recipe, decoding = config.recipe, config.teacher.decoding
    shown = f"{recipe.k} {recipe.exemplars}" if recipe.exemplars != "none" else "none"
    facts = {
        "Teacher": f"{code(recipe.teacher)}: {text(config.teacher.description)}",
        "Teacher's source": code(config.teacher.model.source),
        "Decoding": f"{code(config.teacher.format)}, temperature {decoding.temperature}, at most "
        f"{decoding.max_tokens} tokens",
        "Prompt": f"{code(recipe.prompt)}: {text(config.prompt.description)}; the reply is "
        f"{code(config.prompt.reply.content)}",
        "Exemplars": shown,
    }
    if recipe.exemplars == "topk":
        facts["Exemplars"] += (
            f", nearest by {code(recipe.embedder)} ({code(config.embedder.source)})"
        )
    return facts


def _counts(counts: Metrics) -> str:
    return ", ".join(f"{value:,} {text(name.replace('_', ' '))}" for name, value in counts.items())


def _fact(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{text(name)} {_fact(inner)}" for name, inner in value.items())
    return "none" if value is None else code(value)


def _usage(config: CardConfig) -> str:
    commands = (
        "stillhouse predict FOLDER 'the query, as the dataset writes it'\n"
        "stillhouse predict FOLDER --rationale --jsonl rows.jsonl > predictions.jsonl"
    )
    return (
        "FOLDER is the one that this file is in; it needs nothing beside it. `model/` has the "
        "weights as safetensors, the tokenizer, and the templates that wrap a query in "
        f"`stillhouse.json`.\n\n{block(commands, 'sh')}\n\n"
        "It was trained and tested on rows of this one dataset: other queries are out of its "
        f"reach. Labels were decoded with `decode: {config.student.decoding.decode}`."
    )


def _licences(config: CardConfig) -> str:
    stated = {
        "Dataset": text(config.dataset.licence),
        "Teacher": text(config.teacher.description),
        "Student": text(config.student.description),
    }
    return (
        "What the configuration states. Nobody has decided what follows for this student: read the "
        f"terms of all three.\n\n{items(stated)}"
    )
