"""Where files are, relative to the project; tables know their own place (`core.tables`)."""

from pathlib import Path

PIPELINE = Path("dvc.yaml")
PARAMS = Path("params.yaml")
CONF = Path("conf")
STAGES = Path("stages")
"""The scripts of the stages, and modules of the project's own beside them."""
PROMPT_ENTRIES = CONF / "prompt"
"""The entries of prompts, of which a search tries some."""
RAW = Path("data/raw")

INPUTS = Path("data/inputs.json")
"""What the dataset asks of a row: templates, columns, an example."""
ASKED = Path("data/asked.json")
"""How a student is asked with the run's prompt."""
SELECTED = Path("data/selected.json")
"""The prompt and the decoding that a search has chosen; empty without one."""
FEEDBACK_STUDENT = Path("data/feedback/student.json")
"""The student that gives feedback; nothing where none does."""
CODE = Path("data/code")
DEFINITIONS = CODE / "definitions.json"
PREDICTIONS = Path("data/predictions")
STUDENTS = Path("models/student")

INGEST_METRICS = Path("metrics/ingest.json")
EMBED_METRICS = Path("metrics/embed.json")
RETRIEVE_METRICS = Path("metrics/retrieve.json")
SELECTED_METRICS = Path("metrics/selected.json")
TEACHER_METRICS = Path("metrics/teacher.json")
PARSE_METRICS = Path("metrics/parse.json")
JUDGE_METRICS = Path("metrics/judge.json")
CHOSEN_METRICS = Path("metrics/chosen.json")
AUGMENT_METRICS = Path("metrics/augment.json")
BASELINE_METRICS = Path("metrics/baseline.json")
TRAIN_METRICS = Path("metrics/train")
CALIBRATION_METRICS = Path("metrics/calibration")
EVAL_METRICS = Path("metrics/eval")
REFERENCES_METRICS = Path("metrics/references.json")
COMPLEXITY_METRICS = Path("metrics/complexity.json")
GOLD_STUDENT_METRICS = Path("metrics/gold_student.json")
ZERO_SHOT_METRICS = Path("metrics/zero_shot.json")
RATINGS_METRICS = Path("metrics/ratings.json")
CONFUSION_PLOTS = Path("metrics/confusion")
REPORT = Path("metrics/report.json")
SUMMARY = Path("metrics/summary.json")
OUTCOMES = Path("metrics/outcomes.json")
"""Each model's score of each test row, packed."""
PAGE = Path("report.html")
"""The run as a page for a browser."""
ACCURACY_PLOT = Path("metrics/plots/accuracy.csv")
GRADED_PLOT = Path("metrics/plots/graded.csv")
STATUS_PLOT = Path("metrics/plots/status.csv")

BASELINE = "untrained"
GOLD = "gold"
"""The student on gold labels alone."""
MODEL = "model"
MANIFEST = "stillhouse.json"
CARD = "README.md"
SERVING = "serving.json"


def code(stage: str) -> Path:
    """What a stage's code means."""
    return CODE / f"{stage}.json"


def student(seed: int) -> Path:
    """The folder of the student trained with `seed`: its model, its card, how it is asked."""
    return STUDENTS / f"seed={seed}"


def student_model(seed: int) -> Path:
    """The weights and tokenizer of the student trained with `seed`."""
    return student(seed) / MODEL


def student_manifest(seed: int) -> Path:
    """What the training says about the student trained with `seed`."""
    return student_model(seed) / MANIFEST


def student_card(seed: int) -> Path:
    """The model card of the student trained with `seed`."""
    return student(seed) / CARD


def student_serving(seed: int) -> Path:
    """How the student trained with `seed` is asked: its inputs, its decoding, its scores."""
    return student(seed) / SERVING


def train_curve(seed: int) -> Path:
    """The losses by step of the student trained with `seed`, as CSV."""
    return TRAIN_METRICS / f"seed={seed}.csv"


def eval_metrics(seed: int) -> Path:
    """The metrics of the student trained with `seed`."""
    return EVAL_METRICS / f"seed={seed}.json"


def confusion_plot(seed: int) -> Path:
    """How often each class is taken for which by the student trained with `seed`, as CSV."""
    return CONFUSION_PLOTS / f"seed={seed}.csv"


def calibration_metrics(seed: int) -> Path:
    """How far the scores of the student trained with `seed` are probabilities."""
    return CALIBRATION_METRICS / f"seed={seed}.json"


def calibration_plot(seed: int) -> Path:
    """The reliability diagram of the student trained with `seed`, as CSV."""
    return CALIBRATION_METRICS / f"seed={seed}.csv"
