"""What to try next: commands chosen by what the results say."""

from dataclasses import dataclass

from stillhouse.reporting.summary import Metrics

MOST = 3
TRUNCATED_SHARE = 0.05
UNPARSED_SHARE = 0.2
RETRIEVAL_MARGIN = 0.02


@dataclass(frozen=True)
class Advice:
    """A command, and the result that suggests it."""

    command: str
    reason: str


def advice(summary: Metrics) -> list[Advice]:
    """The three most useful next steps, faults of the data before refinements."""
    found = [*_teacher(summary["teacher"]), *_student(summary), *_retrieval(summary["retrieval"])]
    return (found + _refinements(summary))[:MOST]


def overlap(one: Metrics, other: Metrics) -> bool:
    """Whether the two accuracies' 95% intervals overlap."""
    return bool(
        one["accuracy_low"] <= other["accuracy_high"]
        and other["accuracy_low"] <= one["accuracy_high"]
    )


def _teacher(teacher: Metrics) -> list[Advice]:
    status = teacher.get("status", {})
    truncated = status.get("truncated", 0)
    unparsed = sum(status.get(name, 0) for name in ("no_marker", "ambiguous", "empty"))
    found = []
    if truncated > TRUNCATED_SHARE:
        found.append(
            Advice(
                "dvc repro",
                f"after raising decoding.max_tokens in the teacher's YAML: {truncated:.0%} of the "
                "completions were cut short",
            )
        )
    if unparsed > UNPARSED_SHARE:
        found.append(
            Advice(
                "stillhouse list prompt",
                f"{unparsed:.0%} of the completions hold no answer where one was asked for: choose "
                "another prompt with `dvc exp run -S prompt=NAME`",
            )
        )
    return found


def _student(summary: Metrics) -> list[Advice]:
    student, found = summary["student"], []
    if student["accuracy_low"] <= summary["untrained"]["accuracy_high"]:
        rows = 2 * int(summary["data"]["rows"]["train"])
        found.append(
            Advice(
                f"dvc exp run -S limit={rows}",
                "the student is not clearly better than the untrained one: give it more rows",
            )
        )
    if student["accuracy_low"] <= summary["majority"]["accuracy_high"]:
        relation = (
            "their intervals overlap"
            if overlap(student, summary["majority"])
            else "it lies below it"
        )
        found.append(
            Advice(
                "dvc exp run -S lambda=0.5",
                f"the student does not beat the majority class ({relation}): let the labels weigh "
                "more than the rationales",
            )
        )
    return found


def _retrieval(retrieval: Metrics) -> list[Advice]:
    shared, chance = retrieval.get("same_label_share"), retrieval.get("chance_same_label_share")
    if shared is None or chance is None or shared > chance + RETRIEVAL_MARGIN:
        return []
    return [
        Advice(
            "dvc exp run -S exemplars=random",
            f"the retrieved exemplars share the row's label no more often ({shared:.0%}) than "
            f"chance ({chance:.0%}): see whether retrieval matters here",
        )
    ]


def _refinements(summary: Metrics) -> list[Advice]:
    several = Advice(
        "dvc exp run -S 'seeds=[0,1,2]'",
        "one seed says nothing of the spread between runs; adding two trains only those",
    )
    return [
        *([several] if summary["student"]["seeds"] == 1 else []),
        Advice("dvc exp run -S lambda=0", "labels alone: what are the rationales worth?"),
        Advice("dvc exp run -S fraction=0.5", "half of the rows: would more of them help?"),
        Advice("dvc metrics diff", "every figure side by side with the last commit's"),
    ]
