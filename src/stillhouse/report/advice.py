"""What to try next: commands chosen by what the results say.

Test rows choose nothing: no value of a knob is proposed for what the student scores on them. Where
the dataset has validation rows, these do; where it has none, the advice is to set some aside.
"""

from dataclasses import dataclass

from stillhouse.report.summary import Metrics
from stillhouse.statistics.method import LEAST_SEEDS

MOST = 3
TRUNCATED_SHARE = 0.05
UNPARSED_SHARE = 0.2
_UNPARSED = ("no_marker", "ambiguous", "empty", "malformed", "refused")
RETRIEVAL_MARGIN = 0.02
ON_VALIDATION = "validation_accuracy"


@dataclass(frozen=True)
class Advice:
    """A command, and the result that suggests it."""

    command: str
    reason: str


def advice(summary: Metrics) -> list[Advice]:
    """The three most useful next steps, faults of the data before refinements."""
    found = [*_teacher(summary["teacher"]), *_student(summary), *_retrieval(summary["retrieval"])]
    return (found + _refinements(summary))[:MOST]


def _teacher(teacher: Metrics) -> list[Advice]:
    status = teacher.get("status", {})
    truncated = status.get("truncated", 0)
    unparsed = sum(status.get(name, 0) for name in _UNPARSED)
    found = []
    if truncated > TRUNCATED_SHARE:
        found.append(
            Advice(
                "dvc repro",
                f"after raising decoding.max_tokens in the teacher's entry: {truncated:.0%} of the "
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
    student = summary["student"]
    references = {name: summary[name] for name in ("untrained", "majority")}
    validated = all(ON_VALIDATION in scores for scores in (student, *references.values()))
    key = ON_VALIDATION if validated else "accuracy"
    not_beaten = {name for name, r in references.items() if student[key] <= r[f"{key}_high"]}
    if not validated:
        aside = Advice(
            "splits: {validation: {hold_out_from: train, share: 0.1}}",
            "in the dataset's entry: the student does not clearly beat its references on the "
            "test rows, and test rows choose nothing. On validation rows you can choose `limit` "
            "and `lambda`",
        )
        return [aside] if not_beaten else []
    found = []
    rows = int(summary["data"]["rows"]["train"])
    wanted = min(2 * rows, int(summary["data"].get("unlimited", {}).get("train", rows)))
    if "untrained" in not_beaten and wanted > rows:
        found.append(
            Advice(
                f"dvc exp run -S limit={wanted}",
                "on the validation rows the student is not clearly better than the untrained one: "
                "give it more rows",
            )
        )
    lambda_ = _knob(summary, "lambda")
    if "majority" in not_beaten and lambda_:
        found.append(
            Advice(
                f"dvc exp run -S lambda={lambda_ / 2:g}",
                "on the validation rows the student does not clearly beat the majority class: let "
                "the labels weigh more than the rationales",
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
        "fewer than three seeds say nothing of the method; further ones train only themselves",
    )
    alone = Advice("dvc exp run -S lambda=0", "labels alone: what are the rationales worth?")
    fraction = _knob(summary, "fraction")
    fewer = Advice(
        f"dvc exp run -S fraction={fraction / 2:g}", "half of the rows: would more of them help?"
    )
    return [
        *([several] if summary["student"]["seeds"] < LEAST_SEEDS else []),
        *([alone] if _knob(summary, "lambda") else []),
        *([fewer] if fraction else []),
        Advice("dvc metrics diff", "every figure side by side with the last commit's"),
    ]


def _knob(summary: Metrics, name: str) -> float:
    """A knob of the run; 0 where an older summary does not say."""
    return float(summary.get("knobs", {}).get(name, 0))
