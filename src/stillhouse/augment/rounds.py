"""The student between rounds of new queries: trained on what there is, then asked what is hard.

Lion (Jiang et al. 2023) goes round in three steps: imitation, discrimination, generation. Here each
round but the first begins with the first two.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stillhouse.augment.config import AugmentConfig
from stillhouse.augment.labels import New
from stillhouse.config.student import TrainedConf
from stillhouse.core.progress import announce
from stillhouse.core.tables import Row
from stillhouse.feedback_judge.judging import JudgedRow, judge_rows
from stillhouse.feedback_predict.predict import student_predictions
from stillhouse.feedback_split.difficulty import Difficulty, difficulties
from stillhouse.store.store import Store
from stillhouse.teacher_generate.spending import Ledger

ALL = 1.0
"""As `feedback_student`: each half of the rows is predicted by a student of the other half."""


@dataclass
class Rounds:
    """What the difficulty of rows depends on, and what came of each round."""

    config: AugmentConfig
    student: TrainedConf
    chosen: Sequence[Row]
    examples: Mapping[str, Mapping[str, Any]]
    teacher_labels: Mapping[str, str | None]
    """Of the chosen rows, by id."""
    store: Store | None
    ledger: Ledger
    """Of the judge."""
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def difficulties(self, number: int, made: Sequence[New]) -> dict[str, Difficulty]:
        """How hard the chosen rows and those made so far are, by id; rows without a verdict are
        left out. `number` is the round's, from 1 on.

        The student is trained on the rows that there would be by now, labels alone, and no row is
        predicted by one that saw it. Of a new row the teacher's label stands for gold.
        """
        config, judged = self.config, self._rows(made)
        labels = self._training_labels(made)
        asked: list[Row] = [
            {"id": r.id, "query": r.query, "choices": r.choices, "label": labels.get(r.id)}
            for r in judged
        ]
        predicted = student_predictions(asked, self.student, ALL)
        said = {row["id"]: row["prediction"] for row in predicted}
        verdicts, _ = judge_rows(
            [row._replace(student=said[row.id]) for row in judged],
            config.feedback,
            config.dataset.answer.metric,
            config.judge,
            config.teacher,
            store=self.store,
            ledger=self.ledger,
        )
        found = difficulties(
            verdicts, config.feedback, tau=config.tau, hard_at_tau=config.hard_at_tau
        )
        counts = Counter(found.values())
        self.counts[str(number)] = {
            "trained_on": len(labels),
            "hard": counts["hard"],
            "easy": counts["easy"],
            "without_verdict": len(judged) - len(found),
        }
        announce(
            f"round {number}: the student, trained on {len(labels):,} rows, finds "
            f"{counts['hard']:,} of {len(judged):,} hard"
        )
        return found

    def _training_labels(self, made: Sequence[New]) -> dict[str, str]:
        real = self.chosen if self.config.real else []
        return {row["id"]: row["label"] for row in real} | {
            new.query.id: new.label.text for new in made
        }

    def _rows(self, made: Sequence[New]) -> list[JudgedRow]:
        own = [
            JudgedRow(
                row["id"],
                query=row["query"],
                choices=self.examples[row["id"]]["choices"],
                gold=self.examples[row["id"]]["label"],
                teacher=self.teacher_labels.get(row["id"]),
                student="",
            )
            for row in self.chosen
        ]
        new = [
            JudgedRow(
                each.query.id,
                query=each.query.text,
                choices=each.query.choices,
                gold=each.label.text,
                teacher=each.label.text,
                student="",
            )
            for each in made
        ]
        return own + new
