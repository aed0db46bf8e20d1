"""The contract of the pipeline, from DVC's own graph and the stages' own code; nothing runs."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stillhouse.config.knobs import Knobs, Recipe
from stillhouse.config.pipeline import stages
from stillhouse.config.whole import GROUPS
from stillhouse.core import paths, tables
from stillhouse.stage import UNTRACKED
from tests.conftest import REPOSITORY
from tests.pipeline import scripts
from tests.pipeline.graph import WHOLE, Pipeline

CONFIGURED = [stage for stage in scripts.STAGES if stage != "code"]
CARD = {"card"}
RATE = {"rate", "report"} | CARD
EVALUATE = {"evaluate"} | RATE
TRAIN = {"train_student"} | EVALUATE
REFERENCES = {"references"}
AUGMENT = {"augment"} | TRAIN | REFERENCES
FEEDBACK = {"feedback_split"} | AUGMENT
JUDGE = {"feedback_judge"} | FEEDBACK
PREDICT = {"feedback_predict"} | JUDGE
PARSE = {"parse"} | PREDICT
TEACHER = {"teacher_generate"} | PARSE
BASELINE = {"baseline"} | RATE
ZERO_SHOT = {"zero_shot", "report"}
COMPLEXITY = {"complexity", "report"}
GOLD_STUDENT = {"gold_student"} | RATE
PROMPT = {"prompt"} | TEACHER | BASELINE | GOLD_STUDENT
SELECT = {"teacher_select"} | PROMPT
RETRIEVE = {"retrieve"} | SELECT | ZERO_SHOT
EMBED = {"embed"} | RETRIEVE
ALL = {"ingest"} | EMBED | BASELINE | GOLD_STUDENT | COMPLEXITY

KNOBS = {
    "dataset": ALL,
    "limit": ALL,
    "embedder": EMBED,
    "exemplars": EMBED,  # an arm that needs no vectors embeds nothing
    "k": RETRIEVE,
    "exemplar_seed": RETRIEVE,
    "prompt": PROMPT,
    "teacher": SELECT | ZERO_SHOT | COMPLEXITY,
    "search": SELECT,
    "fraction": PREDICT | GOLD_STUDENT,
    "label_source": PREDICT,
    "label_filter": FEEDBACK,
    "rationale_source": FEEDBACK,
    "rationale_filter": FEEDBACK,
    "feedback": PREDICT,
    "feedback_student": PREDICT,
    "judge": JUDGE | RATE,
    "tau": FEEDBACK,
    "hard_at_tau": FEEDBACK,
    "hard_share": AUGMENT,
    "augment": AUGMENT,
    "synthetic": AUGMENT,
    "real": AUGMENT,
    "lambda": TRAIN,
    "student": PREDICT | BASELINE | GOLD_STUDENT | ZERO_SHOT,
    "complexity": COMPLEXITY,
    "gold_student": GOLD_STUDENT,
    "zero_shot": ZERO_SHOT,
    "seeds": RATE,  # and the new seed's own stages: they are another matrix entry
}
"""Which stages a change of each knob may rerun: section 3 of the design, as data."""

CONF_KEYS = {
    "dataset/source": ALL,
    "dataset/fields": ALL,
    "dataset/task": SELECT | ZERO_SHOT,
    "dataset/answer": ALL,
    "dataset/exclude_same_group": RETRIEVE,
    "dataset/licence": CARD,
    "dataset/description": CARD,
    "embedder/source": EMBED,
    "embedder/max_tokens": EMBED,
    "embedder/compute": set(),
    "embedder/trust_remote_code": set(),
    "prompt/tasks": PROMPT,
    "prompt/reply": PROMPT,
    "teacher/model": SELECT | ZERO_SHOT | COMPLEXITY,
    "teacher/decoding": SELECT | ZERO_SHOT,
    "teacher/price": SELECT,  # of what is as good, the cheaper one is taken
    "teacher/compute": set(),
    "student/model": PREDICT | BASELINE | GOLD_STUDENT | ZERO_SHOT,
    "student/templates": PREDICT | BASELINE | GOLD_STUDENT,
    "student/training": PREDICT | GOLD_STUDENT,
    "student/decoding": PREDICT | EVALUATE | BASELINE | GOLD_STUDENT,
    "student/compute": set(),
    "judge/prompt": JUDGE,
    "judge/teacher": JUDGE,
    "judge/decoding": JUDGE,
    "judge/compute": set(),
    "judge/price": set(),
    "search/prompts": SELECT,
    "search/rows": SELECT,
    "augment/prompts": AUGMENT,
    "augment/filters": AUGMENT,
    "augment/verify": AUGMENT,
}
"""The same for keys of the conf entries; an empty set is what DVC must not see."""

# price: an estimate and a budget; trust_remote_code: a permission. Neither changes a result.
COMPUTE_ONLY = {"compute", "mirror", "price", "trust_remote_code"}
TRACKED = {"data/raw/rows.csv", "data/store.dvc", "data/raw/rows.csv.dvc", "models/mine.dvc"}
"""With the folders they are in: DVC reads no .dvc file in one that Git ignores."""
HEAVY = {
    "torch",
    "transformers",
    "faiss",
    "datasets",
    "pandas",
    "sentence_transformers",
    "peft",
    "aiohttp",
    "dvc",
    "scipy",
    "sklearn",
}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    return Pipeline(tmp_path_factory.mktemp("graph"))


@pytest.fixture(scope="module")
def chosen():
    return yaml.safe_load((REPOSITORY / "params.yaml").read_text())


def conf_file(group, chosen):
    return f"conf/{group}/{chosen[group]}.yaml"


def test_dvc_and_the_scripts_have_the_same_stages(pipeline):
    assert sorted(pipeline.stages) == scripts.STAGES
    assert set(pipeline.stages) == ALL | {"code"}


def test_nothing_that_trains_sees_what_models_said_of_the_test_rows(pipeline):
    """`zero_shot` asks about test rows, for the report alone."""
    places = {str(tables.ZERO_SHOT.path), str(paths.ZERO_SHOT_METRICS)}
    assert pipeline.stages["zero_shot"].outs == places
    readers = {name for name, stage in pipeline.stages.items() if places & stage.deps}
    assert readers == {"report"}
    assert not {p for name in TRAIN - EVALUATE for p in pipeline.stages[name].deps} & places


def with_stand_ins(stages):
    """Where gold labels are missing, the teacher's are what the baseline is scored against."""
    return stages | BASELINE if "parse" in stages else stages


@pytest.mark.parametrize("knob", KNOBS)
def test_a_knob_reaches_exactly_its_stages(pipeline, knob):
    assert pipeline.reruns(f"params.yaml:{knob}") == with_stand_ins(KNOBS[knob])


@pytest.mark.parametrize("key", CONF_KEYS)
def test_a_conf_key_reaches_exactly_its_stages(pipeline, chosen, key):
    group, name = key.split("/")
    assert name in GROUPS[group].model_fields
    found = pipeline.reruns(f"{conf_file(group, chosen)}:{name}")
    assert found == with_stand_ins(CONF_KEYS[key])


@pytest.mark.parametrize("group", GROUPS)
def test_an_entry_that_is_not_chosen_reaches_no_stage(pipeline, group):
    assert pipeline.reruns(f"conf/{group}/another.yaml:source") == set()


@pytest.mark.parametrize("stage", CONFIGURED)
def test_dvc_tracks_what_a_stage_reads_and_nothing_else(pipeline, chosen, stage):
    """A stage that reads more is refused when it starts."""
    config = scripts.config(stage)
    tracked = dict(pipeline.stages[stage].params)
    fields = {name for name in config.model_fields if not name.endswith(UNTRACKED)}
    if "recipe" in fields:
        fields = fields - {"recipe"} | Recipe.model_fields.keys()
    knobs = {"lambda" if name == "lambda_" else name.removesuffix("_name") for name in fields}
    assert knobs == tracked.pop("params.yaml", frozenset())
    groups = {conf_file(group, chosen) for group in config.model_fields.keys() & GROUPS.keys()}
    assert groups == tracked.keys()


def test_what_stages_see_untracked_changes_no_result():
    assert {key for model in GROUPS.values() for key in model.UNTRACKED} <= COMPUTE_ONLY


def test_every_knob_is_read_by_some_stage_and_every_key_is_a_knob(pipeline, chosen):
    declared = {
        key for stage in pipeline.stages.values() for key in stage.params.get("params.yaml", ())
    }
    assert declared == set(chosen) == set(KNOBS)
    assert declared == {field.alias or name for name, field in Knobs.model_fields.items()}


def test_dvc_yaml_is_read_as_dvc_reads_it(pipeline, chosen):
    for name, declared in stages(REPOSITORY).items():
        seen = pipeline.stages[name]
        assert {resolved(dep, chosen) for dep in declared.deps} == seen.deps
        assert {resolved(out, chosen) for out in declared.outs} == seen.outs
        params = {
            resolved(file, chosen): keys or frozenset({WHOLE})
            for file, keys in declared.params.items()
        }
        assert params == seen.params


def resolved(text, chosen):
    text = text.replace("${item.seed}", str(chosen["seeds"][0]))
    text = text.replace("${seeds[0]}", str(chosen["seeds"][0]))
    return re.sub(r"\$\{(\w+)\}", lambda match: str(chosen[match[1]]), text)


def test_a_stage_depends_on_its_code_by_what_that_means(pipeline):
    assert pipeline.stages["code"].deps == {"src/stillhouse", "stages"}
    for stage in CONFIGURED:
        deps = pipeline.stages[stage].deps
        assert {dep for dep in deps if "code" in dep} == {f"data/code/{stage}.json"}
        assert not any(dep.startswith(("src", "stages")) for dep in deps)
        assert f"data/code/{stage}.json" in pipeline.stages["code"].outs


@pytest.mark.parametrize("stage", CONFIGURED)
def test_a_script_names_the_deps_and_outs(pipeline, stage):
    """A file that is not among them is refused when the stage asks for it."""
    seen = pipeline.stages[stage]
    declared = {p for p in seen.deps | seen.outs if not p.startswith("data/code/")}
    named = scripts.named_paths(scripts.script(stage))
    for path in named:
        assert any(_related(path, other) for other in declared), f"{stage} touches {path}"
    for path in declared - {str(paths.RAW), "conf/exemplars"}:
        assert any(_related(path, other) for other in named), f"{stage} does not touch {path}"


def test_stages_alone_open_tables(pipeline):
    names = [name for name, value in vars(tables).items() if isinstance(value, tables.Table)]
    opens = re.compile(rf"\b({'|'.join(names)})\.(read|write|at|of|path)\b")
    for file in {file for stage in CONFIGURED for file in scripts.closure(stage)}:
        if file.parts[0] == "src" and file.parts[2] != "core":
            assert not opens.search((REPOSITORY / file).read_text()), file


def _related(one, other):
    return Path(one).is_relative_to(other) or Path(other).is_relative_to(one)


@pytest.mark.parametrize("stage", scripts.STAGES)
def test_stage_scripts_are_alike(stage):
    text = scripts.script(stage).read_text()
    documentation = ast.get_docstring(ast.parse(text)) or ""
    assert f"`dvc repro {stage}`" in documentation
    name = scripts.config(stage).__name__
    assert text.endswith(f'if __name__ == "__main__":\n    run_stage("{stage}", main, {name})\n')


@pytest.mark.parametrize("stage", scripts.STAGES)
def test_the_command_is_the_script_from_this_checkout(pipeline, stage):
    command = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"][stage]["cmd"]
    assert command.removesuffix(" ${item.seed}") == f"PYTHONPATH=src python stages/{stage}.py"


def test_importing_a_stage_loads_nothing_heavy():
    """In one fresh process: whatever the first stage loads is already there for the next."""
    code = (
        "import json, runpy, sys\n"
        "found = {}\n"
        "for path in sys.argv[1:]:\n"
        "    runpy.run_path(path, run_name='imported')\n"
        f"    found[path] = sorted({HEAVY} & set(sys.modules))\n"
        "print(json.dumps(found))"
    )
    files = [str(scripts.script(stage)) for stage in scripts.STAGES]
    result = subprocess.run(
        [sys.executable, "-c", code, *files],
        env=os.environ | {"PYTHONPATH": str(scripts.SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout) == {file: [] for file in files}


def test_git_ignores_what_dvc_keeps_and_keeps_the_metrics(pipeline):
    outs = {out for stage in pipeline.stages.values() for out in stage.outs}
    listed = subprocess.run(
        ["git", "check-ignore", "--no-index", *outs, *TRACKED],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(listed.stdout.split()) == {out for out in outs if not out.startswith("metrics/")}


def test_metrics_and_plots_are_kept_in_git_and_tables_in_dvc(pipeline):
    raw = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    for stage in raw.values():
        for kind in ("metrics", "plots"):
            for entry in stage.get(kind, ()):
                ((path, options),) = entry.items()
                assert path.startswith("metrics/")
                assert options["cache"] is False
        for entry in stage.get("outs", ()):
            # DVC keeps no run of a stage that has another output that it does not cache.
            assert isinstance(entry, str)
            assert entry.startswith(("data/", "models/")) or entry == str(paths.PAGE)


def test_few_figures_are_what_dvc_compares(pipeline):
    """`dvc metrics diff` and `dvc exp show` list every figure of every file that is a metric."""
    raw = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    metrics = [
        path for stage in raw.values() for entry in stage.get("metrics", ()) for path in entry
    ]
    assert metrics == [str(paths.INGEST_METRICS), str(paths.SUMMARY)]


def test_the_templates_of_plots_are_in_git_and_name_what_the_plots_hold():
    raw = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    plots = [entry for stage in raw.values() for entry in stage.get("plots", ())]
    named = {options.get("template", "linear") for plot in plots for options in plot.values()}
    own = {path.stem: path for path in (REPOSITORY / ".dvc/plots").glob("*.json")}
    assert own.keys() <= named
    for path in own.values():
        assert json.loads(path.read_text())["data"] == {"values": "<DVC_METRIC_DATA>"}
        listed = ["git", "check-ignore", "--no-index", str(path)]
        assert subprocess.run(listed, cwd=REPOSITORY, check=False).returncode == 1
