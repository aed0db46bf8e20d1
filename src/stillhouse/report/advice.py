"""What to try next: commands chosen by what the results say.

Test rows choose nothing: no value of a knob is proposed for what the student scores on them. Where
the dataset has validation rows, these do; where it has none, the advice is to set some aside. Nor
is anything proposed that is so already, or more than there is.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from stillhouse.kinds.measures import NAMED, RATED
from stillhouse.report.against import FREE, TEACHER, WORDS, not_beaten
from stillhouse.report.summary import UNREAD, Metrics
from stillhouse.statistics.agreement import AGREEMENT
from stillhouse.statistics.method import LEAST_SEEDS

MOST = 3
TRUNCATED_SHARE = 0.05
UNREAD_SHARE = 0.2
DISAGREEING_SHARE = 0.1
RETRIEVAL_MARGIN = 0.02
FEW_STEPS = 50
LEARNT = 0.1
"""A loss per token of the labels below which few steps were enough."""
BY_HEART = 0.01
MANY_PASSES = 3
WORSE = 0.02
"""How far a score on validation rows must end behind the best: a share of rows, or of the loss."""
ASIDE = "splits: {validation: {hold_out_from: train, share: 0.1}}"
TRUNCATED = "truncated"


@dataclass(frozen=True)
class Advice:
    """A command, and the result that suggests it."""

    command: str
    reason: str


_LAST = Advice("dvc metrics diff", "every figure side by side with the last commit's")


def advice(found: Metrics) -> list[Advice]:
    """The three most useful next steps, faults of the data before refinements."""
    if found["run"]["training"] is None:  # others have trained it, and no knob trains it again
        return [*_teacher(found), *_unlabelled(found), *_ties(found), _LAST][:MOST]
    steps = [
        *_teacher(found),
        *_unlabelled(found),
        *_training(found),
        *_ties(found),
        *_validated(found),
        *_retrieval(found),
        *_refinements(found),
    ]
    return steps[:MOST]


def _teacher(found: Metrics) -> Iterator[Advice]:
    """What is wrong with the teacher's completions, of the split where it is worst."""
    run, splits = found["run"], found["teacher"]["splits"]
    by_split = {split: values.get("status", {}) for split, values in splits.items()}
    cut = {split: status.get(TRUNCATED, 0) for split, status in by_split.items()}
    unread = {
        split: sum(status.get(name, 0) for name in UNREAD if name != TRUNCATED)
        for split, status in by_split.items()
    }
    split = max(cut, key=lambda split: cut[split], default="")
    if split and cut[split] > TRUNCATED_SHARE:
        name = f"conf/teacher/{run['teacher']}.yaml:decoding.max_tokens"
        said = f"{cut[split]:.0%} of the {split} completions were cut short"
        if "search" in run:
            said += f": have conf/search/{run['search']}.yaml try a larger `decoding.max_tokens`"
            yield Advice("stillhouse list search", said)
        else:
            yield Advice(f"dvc exp run -S {name}={2 * run['max_tokens']}", said)
    split = max(unread, key=lambda split: unread[split], default="")
    if split and unread[split] > UNREAD_SHARE:
        how = (
            f"have conf/search/{run['search']}.yaml try other `prompts`"
            if "search" in run
            else "choose another prompt with `dvc exp run -S prompt=NAME`"
        )
        yield Advice(
            "stillhouse list prompt",
            f"{unread[split]:.0%} of the {split} completions hold no answer where one was asked "
            f"for: {how}",
        )
    disagrees = splits.get("train", {}).get("rationale", {}).get("disagrees", 0)
    if disagrees > DISAGREEING_SHARE and run["lambda"] and run["rationale_filter"] == "none":
        yield Advice(
            "dvc exp run -S rationale_filter=consistent",
            f"{disagrees:.0%} of the teacher's rationales end on another answer than its label: "
            "train without those",
        )


def _unlabelled(found: Metrics) -> Iterator[Advice]:
    if found["measure"] == AGREEMENT:
        yield Advice(
            "stillhouse sample --n 60 --out sheet.csv",
            "agreement with the teacher does not say who is right: 60 rows labelled by hand do",
        )


def _training(found: Metrics) -> Iterator[Advice]:
    """What the first seed's training curve says; one thing, the most telling."""
    facts: Metrics = next(iter(found["training"].values()), {})
    if not facts.get("steps"):
        return
    if "scores" in facts:
        yield from _by_validation(facts["scores"], found["run"])
    else:
        yield from _by_loss(facts, found)


def _by_validation(scores: list[tuple[int, float]], run: Metrics) -> Iterator[Advice]:
    training, conf = run["training"], run["training"]["validation"]
    is_loss = conf["metric"] == "loss"
    best = min(scores, key=lambda score: (score[1] if is_loss else -score[1], score[0]))
    last = scores[-1]
    behind = last[1] / best[1] - 1 if is_loss and best[1] else best[1] - last[1]
    what = f"the {conf['metric']} on the validation rows"
    if len(scores) > 1 and best == last:
        yield Advice(
            _longer(run, 2.0), f"{what} was best at the end, after step {last[0]}: train longer"
        )
    elif behind > WORSE and conf["patience"] is None:
        turned = "rose" if is_loss else "fell"
        yield Advice(
            _trained_with(run, "learning_rate", training["learning_rate"] / 2),
            f"over-fitted: {what} was best after step {best[0]} ({best[1]:.3f}) and {turned} until "
            f"step {last[0]} ({last[1]:.3f}). The best weights were kept; a lower learning rate "
            "may find better ones, and `training.validation.patience` ends such a training early",
        )


def _by_loss(facts: Metrics, found: Metrics) -> Iterator[Advice]:
    run, steps, loss = found["run"], facts["steps"], facts["label_loss"]
    rows = max(1, sum(found["augment"].get(name, 0) for name in ("real", "synthetic")))
    passes = steps * run["training"]["batch_size"] / rows
    if steps < FEW_STEPS and loss > LEARNT:
        still = ", and the labels' loss still fell at the end" if "falling" in facts else ""
        yield Advice(
            _longer(run, max(2.0, FEW_STEPS / steps)),
            f"the student was trained for {steps} steps only ({passes:.2g} passes){still}",
        )
    elif "falling" in facts and passes <= MANY_PASSES:
        yield Advice(
            _longer(run, 2.0),
            f"the labels' loss still fell at the end, by {facts['falling']:.0%} in the last "
            f"quarter of the {steps} steps ({passes:.2g} passes)",
        )
    elif loss < BY_HEART and passes > MANY_PASSES:
        told = (
            f"after {passes:.2g} passes the student knows its rows by heart (label loss {loss:.3f})"
        )
        if found["data"]["rows"].get("validation"):
            yield Advice(
                "training.validation: {epochs: 1, patience: 2}",
                f"in {_entry(run)}: {told}. Scored on the validation rows, training ends when it "
                "no longer helps",
            )
        else:
            yield Advice(
                ASIDE, f"in the dataset's entry: {told}. Validation rows show whether less is more"
            )


def _longer(run: Metrics, factor: float) -> str:
    key = "steps" if run["training"]["epochs"] is None else "epochs"
    return _trained_with(run, key, math.ceil(factor * run["training"][key]))


def _trained_with(run: Metrics, key: str, value: float) -> str:
    return f"dvc exp run -S {_entry(run)}:training.{key}={value:g}"


def _entry(run: Metrics) -> str:
    return f"conf/student/{run['student']}.yaml"


def _ties(found: Metrics) -> Iterator[Advice]:
    """What it means that something that costs nothing does as well; no knob is chosen by it."""
    equal = [name for name in not_beaten(found["against"]) if name not in ("majority", "untrained")]
    if equal:
        what = "single words" if equal[0] == WORDS else "which queries look alike"
        yield Advice(
            "stillhouse rows --wrong",
            f"{FREE[equal[0]]} does at least as well in a second, without a teacher: these labels "
            f"follow from {what}. Use that, or see whether what the student gets wrong needs more",
        )
    free, asked = _best_free(found), found["against"].get(TEACHER)
    right_or_wrong = not NAMED[found["measure"]].graded
    if right_or_wrong and asked and free and asked["other"] <= free[1]:
        yield Advice(
            "stillhouse rows --disagree",
            f"the teacher is right in {asked['other']:.1%} of the test rows, {FREE[free[0]]} in "
            f"{free[1]:.1%}: its labels and rationales teach little here. See where it is wrong; "
            "another teacher or prompt may know more",
        )


def _best_free(found: Metrics) -> tuple[str, float] | None:
    known = [(n, figures["other"]) for n, figures in found["against"].items() if n in FREE]
    return max(known, key=lambda pair: pair[1], default=None)


def _validated(found: Metrics) -> Iterator[Advice]:
    student = found["student"]
    if found["measure"] in (AGREEMENT, RATED.name):  # nobody rates validation rows
        return
    compared = ("untrained",) if NAMED[found["measure"]].graded else ("untrained", "majority")
    own = {name: found["references"].get(name, {}) for name in compared}
    score = f"validation_{found['measure']}"
    if not all(score in scores for scores in (student, *own.values())):
        if not_beaten(found["against"]) and not found["data"]["rows"].get("validation"):
            yield Advice(
                ASIDE,
                "in the dataset's entry: the student does not clearly beat its references on the "
                "test rows, and test rows choose nothing. On validation rows you can choose "
                "`limit` and `lambda`",
            )
        return
    level = {name for name, scores in own.items() if student[score] <= scores[f"{score}_high"]}
    more = _more_rows(found)
    if "untrained" in level and more:
        yield Advice(
            more,
            "on the validation rows the student is not clearly better than the untrained one: "
            "give it more rows",
        )
    weight = found["run"]["lambda"]
    if "majority" in level and weight:
        yield Advice(
            f"dvc exp run -S lambda={weight / 2:g}",
            "on the validation rows the student does not clearly beat the majority class: let "
            "the labels weigh more than the rationales",
        )


def _more_rows(found: Metrics) -> str | None:
    """Twice the rows, or as many as there are: of those distilled already before further ones."""
    fraction = found["run"]["fraction"]
    if fraction < 1:
        return f"dvc exp run -S fraction={min(1.0, 2 * fraction):g}"
    rows = int(found["data"]["rows"].get("train", 0))
    wanted = min(2 * rows, int(found["data"]["unlimited"].get("train", rows)))
    return f"dvc exp run -S limit={wanted}" if wanted > rows else None


def _retrieval(found: Metrics) -> Iterator[Advice]:
    retrieval = found["retrieval"]
    shared, chance = retrieval.get("same_label_share"), retrieval.get("chance_same_label_share")
    if found["run"]["exemplars"] != "topk" or shared is None or chance is None:
        return
    if shared <= chance + RETRIEVAL_MARGIN:
        yield Advice(
            "dvc exp run -S exemplars=random",
            f"the retrieved exemplars share the row's label no more often ({shared:.0%}) than "
            f"chance ({chance:.0%}): see whether retrieval matters here",
        )


def _refinements(found: Metrics) -> Iterator[Advice]:
    run = found["run"]
    if len(run["seeds"]) < LEAST_SEEDS:
        yield Advice(
            f"dvc exp run -S 'seeds={_seeds(run['seeds'])}'",
            "fewer than three seeds say nothing of the method; further ones train only themselves",
        )
    if run["lambda"]:
        yield Advice("dvc exp run -S lambda=0", "labels alone: what are the rationales worth?")
    if run["fraction"] * found["data"]["rows"].get("train", 0) >= 2:
        yield Advice(
            f"dvc exp run -S fraction={run['fraction'] / 2:g}",
            "half of the rows: would more of them help?",
        )
    yield _LAST


def _seeds(known: list[int]) -> str:
    """Those that are trained, and the next ones: three in all."""
    others = (seed for seed in range(LEAST_SEEDS + len(known)) if seed not in known)
    chosen = [*known, *others][:LEAST_SEEDS]
    return f"[{','.join(map(str, chosen))}]"
