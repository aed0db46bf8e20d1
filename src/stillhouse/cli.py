"""The `stillhouse` command: look at a configuration, its prompts and its results.

DVC builds (`dvc repro`, `dvc exp run -S k=10`); this command itself never changes an output.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from stillhouse import __version__
from stillhouse.core import paths
from stillhouse.core.commands import command_group
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.progress import quiet_libraries
from stillhouse.core.text import printable

Device = Literal["auto", "cpu", "cuda"]
PASSED_ON: dict[str, Any] = {
    "add_help_option": False,
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
}
"""Of a command with commands of its own: a stub, so that the others start without its imports."""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stillhouse {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """What every command takes."""
    del version


app = command_group(
    "Look at a stillhouse project. Building is DVC's: `dvc repro` rebuilds what a change touches, "
    "`dvc exp run -S k=10` tries another value.\n\n`stillhouse COMMAND --help` tells more of one.",
    callback=_options,
)
prompts = command_group("Look at the prompts that the teacher is sent.")
app.add_typer(prompts, name="prompts")


@app.command()
def check(
    *,
    lock: Annotated[
        bool, typer.Option("--lock", help="Also that dvc.lock belongs to what is here.")
    ] = False,
) -> None:
    """Check params.yaml and every file under conf/ and studies/, and list all mistakes at once.

    Also how the entries that params.yaml and the studies name go together, and what DVC would not
    see. The stages check what they need of this before they start; this is for looking before you
    run.

    With --lock it fails, too, where a stage would run again, and says which and why. It needs no
    data: a clone of a pull request is enough.
    """
    from stillhouse.code.pin import require_pinned_version, warning_of_python
    from stillhouse.config.unseen import warnings
    from stillhouse.config.whole import check_all
    from stillhouse.studies.load import check_studies

    require_pinned_version()
    for warning in filter(None, (*warnings(), warning_of_python())):
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"{check_all(also=[check_studies])} files are fine.")
    if lock:
        from stillhouse.pull_requests.lock import require_fresh_lock

        typer.echo(f"dvc.lock belongs to them: none of {require_fresh_lock()} stages would run.")


@app.command("list")
def list_entries(
    group: Annotated[
        str | None,
        typer.Argument(help="A group of conf/, such as teacher; all by default."),
    ] = None,
) -> None:
    """List what each knob can name, with descriptions; `*` marks what params.yaml chooses.

    Take another one with `dvc exp run -S teacher=NAME`; add one as conf/GROUP/NAME.yaml.
    """
    from stillhouse.config.whole import GROUPS, load_entry, names
    from stillhouse.core.yaml import read_yaml

    if group is not None and group not in GROUPS:
        raise StillhouseError(f"There is no group {group!r}.{did_you_mean(group, GROUPS)}")
    written = read_yaml(paths.PARAMS)
    chosen = written if isinstance(written, dict) else {}
    for name in [group] if group else GROUPS:
        typer.echo(f"{name}:")
        width = max(map(len, names(name)), default=0)
        for entry in names(name):
            mark = "*" if chosen.get(name) == entry else " "
            description = load_entry(GROUPS[name], entry).model_dump()["description"]
            typer.echo(f"{mark} {entry:<{width}}  {description}")


@app.command()
def doctor(
    write: Annotated[
        bool,
        typer.Option("--write", help="Also write a small file to the remote, and delete it."),
    ] = False,
) -> None:
    """Say whether this machine has what the configured run needs, and what to do where not.

    Looks at Python and the `python` that DVC runs, versions against requirements.lock, DVC, Git,
    the configuration, DVC's remote (it is listed), the store, free disk, GPUs, the backends and
    keys of the teacher, the judge and the student, the mirror, and what a killed run has left.
    Keys are never printed. Each check has its time limit. `ok` is fine, `note` stops nothing,
    `wrong` has to be mended first; then the exit status is 1.

        stillhouse doctor
        stillhouse doctor --write
    """
    from stillhouse.doctor.checks import checks
    from stillhouse.doctor.doctor import examine
    from stillhouse.report.layout import terminal_width

    raise typer.Exit(examine(checks(write=write), terminal_width(), typer.echo))


@app.command()
def pin(
    path: Annotated[Path, typer.Argument(help="A file or folder of data or weights.")],
) -> None:
    """Print a local file or folder as a pinned source, to paste into an entry of conf/.

    The hash makes the content part of the configuration: change a byte, and the run says so.
    Of a dataset below data/raw the hash may be left out, since DVC watches that folder for it.

        stillhouse pin ~/models/my-llama
    """
    from stillhouse.sources.pin import pin as pinned

    typer.echo(pinned(path))


@prompts.command("show")
def show_prompts(
    id_: Annotated[
        str | None, typer.Argument(metavar="ID", help="A row's id; without it, the first row.")
    ] = None,
) -> None:
    """Print a row's prompt exactly as rendered, from data/prompts.parquet."""
    from stillhouse.core.tables import PROMPTS

    rows = {row["id"]: row["messages"] for row in PROMPTS.read_rows()}
    if not rows:
        raise StillhouseError(f"{PROMPTS.path} is empty: no row is asked about.")
    wanted = id_ if id_ is not None else min(rows)
    if wanted not in rows:
        near = did_you_mean(wanted, rows) if len(rows) < 20 else f" One of them is {min(rows)!r}."
        raise StillhouseError(f"{PROMPTS.path} has no row {wanted!r}.{near}")
    typer.echo(f"# {wanted}", err=True)
    for message in rows[wanted]:
        typer.echo(f"[{message['role']}]\n{printable(message['content'])}\n")


@app.command()
def rows(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Rows by their ids.")
    ] = None,
    *,
    split: Annotated[str | None, typer.Option(help="Of this split: train, test, ...")] = None,
    label: Annotated[str | None, typer.Option(help="With this gold label.")] = None,
    status: Annotated[
        str | None, typer.Option(help="With a completion of this status: ok, no_marker, ...")
    ] = None,
    disagree: Annotated[
        bool, typer.Option("--disagree", help="Where the teacher's label is not the gold one.")
    ] = False,
    wrong: Annotated[
        bool, typer.Option("--wrong", help="Where a student's prediction is wrong.")
    ] = False,
    number: Annotated[int, typer.Option("--n", "-n", min=0, help="So many; 0 for all.")] = 5,
    whole: Annotated[
        bool, typer.Option("--whole", help="Nothing cut short, and the prompt, too.")
    ] = False,
    json_lines: Annotated[bool, typer.Option("--jsonl", help="JSON objects, a line each.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="A CSV table.")] = False,
) -> None:
    """Show rows from end to end: what every stage made of them.

    Query, choices, gold label, exemplars, the teacher's completion and what was read from it, what
    the student trained on, and each student's prediction. Filters narrow each other down.

        stillhouse rows --split test --wrong -n 3
        stillhouse rows --disagree -n 0 --csv > disagree.csv
    """
    from stillhouse.config.dataset import DatasetConf
    from stillhouse.config.whole import load_all
    from stillhouse.kinds.measures import measure_of
    from stillhouse.report import rows as viewed

    if json_lines and as_csv:
        raise StillhouseError("Give --jsonl or --csv, not both.")
    knobs, entries = load_all()
    dataset = entries["dataset"]
    assert isinstance(dataset, DatasetConf)
    every = viewed.joined_rows(dataset.answer, knobs.seeds)
    wanted = viewed.Filter(ids or (), split, label, status, disagree, wrong)
    measure = measure_of(dataset.answer.metric)
    found = viewed.filtered(every, wanted, measure)
    shown = found[: number or None]
    typer.echo(f"{len(shown):,} of {len(found):,} rows that match, {len(every):,} in all", err=True)
    if as_csv:
        typer.echo(viewed.as_csv(shown), nl=False)
    for line in viewed.as_json_lines(shown) if json_lines else ():
        typer.echo(line)
    for row in () if json_lines or as_csv else shown:
        for line in viewed.as_lines(row, whole=whole, measure=measure):
            typer.echo(printable(line))
        typer.echo()


@app.command()
def cost(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """What the next run will ask, in requests, tokens and money; nobody is asked.

    Of the teacher, and of the judge and the augmentation where params.yaml uses them: requests by
    split, those that the store has, tokens in and out, money. Of a search first, alone, since what
    is asked after it follows from its choice. What is expected is measured on
    completions that are there; the most is what `max_tokens` allows. Needs data/prompts.parquet,
    which `dvc repro prompt` makes.
    """
    from stillhouse.cost import commands

    found, stale = commands.cost_of_next_run()
    if as_json:
        typer.echo(commands.as_json(found, stale))
        return
    for line in commands.as_lines(found, stale):
        typer.echo(printable(line))


@app.command()
def sample(
    *,
    number: Annotated[int, typer.Option("--n", "-n", min=1, help="So many rows.")] = 60,
    by: Annotated[
        Literal["label", "none"],
        typer.Option(help="As many rows of each label that the teacher gave, or plainly."),
    ] = "label",
    split: Annotated[str, typer.Option(help="Rows of this split.")] = "unlabelled",
    seed: Annotated[int, typer.Option(min=0, help="Another one draws other rows.")] = 0,
    out: Annotated[Path, typer.Option(help="The sheet to write, as CSV.")] = Path("sheet.csv"),
    show_teacher: Annotated[
        bool, typer.Option("--show-teacher", help="Show the teacher's label beside each row.")
    ] = False,
    read: Annotated[
        Path | None, typer.Option(metavar="SHEET", help="Read a sheet back, with its labels.")
    ] = None,
) -> None:
    """Draw rows to label by hand, and read the labels back.

    Writes a sheet with an empty column `label`, and says how finely so many rows will measure. 60
    rows lie within 120. The teacher's labels are not shown, so that they lead nobody. With --read
    every mistake in a sheet is listed at once; its labels go to data/raw/DATASET_labels.csv, and
    the teacher's accuracy is printed, by label and weighted back to all rows.

        stillhouse sample -n 60 --by label
        stillhouse sample --read sheet.csv
    """
    from stillhouse.sheets.commands import draw_sheet, read_back

    if read is not None:
        said = read_back(read, seed=seed)
    else:
        said = draw_sheet(out, number, by, split=split, seed=seed, show_teacher=show_teacher)
    for line in said:
        typer.echo(printable(line))


@app.command()
def results() -> None:
    """Print the results table of the last run again."""
    from stillhouse.report.again import print_again

    print_again()


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def repro(context: typer.Context) -> None:
    """Check the configuration, run `dvc repro`, and say at the end what ran.

    Options and stages are those of `dvc repro`, passed on as they are, and so is its exit status.
    Where nothing had to run, the results are printed again. `make repro` is this command.

        stillhouse repro
        stillhouse repro --pull --allow-missing
    """
    from stillhouse.report.repro import repro as run

    check()
    raise typer.Exit(run(context.args))


@app.command()
def report(
    *,
    base: Annotated[
        str | None, typer.Option(metavar="REV", help="A revision or experiment to put beside it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; by default .stillhouse/report.html.")
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write the last run as a page for the browser, with this machine's seconds.

    report.html, which `dvc repro` writes, has none, since they differ between equal runs. With
    --base also what another revision has otherwise: rows that got better and worse, prompts and
    completions as a word diff, changed knobs. Nothing is checked out.

        stillhouse report --base main --open
    """
    from stillhouse.page.commands import write_page
    from stillhouse.page.opening import open_page

    path = write_page(base, out)
    typer.echo(printable(str(path)))
    if open_it:
        open_page(path)


@app.command("open")
def open_report(
    path: Annotated[Path, typer.Argument(help="The page.")] = paths.PAGE,
) -> None:
    """Open the run's page, report.html, in the browser; where there is none, print its path."""
    from stillhouse.page.opening import open_page

    open_page(path)
    typer.echo(printable(str(path)))


@app.command()
def why(
    stage: Annotated[str, typer.Argument(help="A stage of dvc.yaml, such as parse.")],
    revision: Annotated[
        str | None,
        typer.Argument(metavar="REV", help="Since its run in that revision; else its last run."),
    ] = None,
) -> None:
    """Say why a stage would run again: the definition, the knob or the table that has changed.

    `dvc status` says that code has changed; this says where, and in which function.

        stillhouse why parse
        stillhouse why train_student main
    """
    from stillhouse.code.why import explain, lines

    for line in lines(explain(stage, revision), revision):
        typer.echo(printable(line))


@app.command()
def exps(
    base: Annotated[str, typer.Option(metavar="REV", help="What all are held against.")] = "HEAD",
    *,
    commits: Annotated[
        int, typer.Option("--commits", "-n", min=0, help="So many commits of the branch, too.")
    ] = 0,
    every: Annotated[
        bool, typer.Option("--all", help="Experiments of all commits, not of those shown alone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """Show DVC's experiments: what each changed, its score, and whether it is better.

    Each is held against the base, row by row as `stillhouse compare` does: better, worse, noise (no
    significant difference), same (in no row any), not tested (too few seeds for a word). Nothing is
    fetched: where predictions are not in DVC's cache it says "not compared". What is queued, runs
    or failed is shown as such.

        stillhouse exps
        stillhouse exps --base main -n 5 --all
    """
    import time

    from stillhouse.experiments import table
    from stillhouse.report.layout import terminal_width

    found = table.entries(base, commits=commits, every=every)
    if as_json:
        typer.echo(table.as_json(list(table.lines(found))))
        return
    for line in table.said(base, found, terminal_width(), time.time()):
        typer.echo(line)


@app.command()
def compare(
    one: Annotated[str, typer.Argument(metavar="REV_A", help="A Git revision or an experiment.")],
    other: Annotated[
        str, typer.Argument(metavar="REV_B", help="Another; by default what is here.")
    ] = "workspace",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Compare the students of two revisions row by row, and say what chance explains.

    Revisions are branches, tags, commits, names of `dvc exp show`, or `workspace`. Nothing is
    checked out. Prints both accuracies, and the difference as it is for these students and, with
    three seeds a side, for the method: intervals, tests, and what could have been seen.

        stillhouse compare main
        stillhouse compare lambda-0 lambda-1
    """
    from stillhouse.experiments import compare as comparing

    found = comparing.compare_revisions(one, other)
    if as_json:
        typer.echo(comparing.as_json(found))
    else:
        comparing.print_comparison(found)


@app.command("pr-comment")
def pr_comment(
    *,
    base: Annotated[str, typer.Option(help="The branch that it is to be merged into.")],
    fail_if: Annotated[
        Literal["worse"] | None,
        typer.Option(help="Exit with 1 when the student is worse, and by more than chance."),
    ] = None,
    alpha: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The level of significance.")
    ] = 0.05,
    artifact_url: Annotated[
        str | None, typer.Option(help="Where the report of this run is kept, to link to.")
    ] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="Say first that `check --lock` has failed.")
    ] = False,
) -> None:
    """Print what a pull request changes as Markdown: a verdict, a table, rows, knobs, cost.

    What is here is compared with the commit at which it left BASE, row by row, by what Git holds:
    no remote, no credentials, no data. Lower counts as worse where scores are graded.

        stillhouse pr-comment --base origin/main
        stillhouse pr-comment --base origin/main --fail-if worse --alpha 0.01
    """
    from stillhouse.pull_requests.comment import comment

    found = comment(base, alpha=alpha, artifact_url=artifact_url, stale=stale)
    typer.echo(found.markdown, nl=False)
    if found.found == fail_if:
        raise typer.Exit(1)


Student = Annotated[
    Path | None,
    typer.Option(help="A student's folder; by default that of the first seed."),
]
Raw = Annotated[
    bool, typer.Option("--raw", help="Queries come as the dataset writes them; fill in nothing.")
]
DeviceOption = Annotated[Device, typer.Option(help="Where it computes.")]


@app.command()
def predict(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="What to ask; without it, standard input."),
    ] = None,
    *,
    student: Student = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="A table with the training columns (.csv, .tsv, .jsonl, .json, .parquet), "
            "or a text a line."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the table here; its suffix says how.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite --out.")] = False,
    rationale: Annotated[bool, typer.Option("--rationale", help="A rationale, too.")] = False,
    raw: Raw = False,
    json_lines: Annotated[
        bool, typer.Option("--jsonl", help="JSON objects, a line each, in and out.")
    ] = False,
    prefix: Annotated[
        str, typer.Option(help="Before the names of the columns that are added.")
    ] = "",
    batch_size: Annotated[int, typer.Option(min=1, help="Queries at a time.")] = 32,
    device: DeviceOption = "auto",
) -> None:
    """Ask a trained student; its folder is all that is needed.

    A table comes back with `prediction` and `score` beside its columns, in its own format. A text,
    or a line, is the student's one column; the answer is a line of prediction and score, a tab
    between. Lines are answered as they come.

        stillhouse predict "The room was cold."
        stillhouse predict --file new.csv --out answered.csv
    """
    from stillhouse.config.student import StudentCompute
    from stillhouse.deployment import predict as asking
    from stillhouse.deployment.asker import Asker

    given = asking.require_text(text or [])
    if given is not None and file is not None:
        raise StillhouseError("Give a text or --file, not both.")
    if out is not None and file is None:
        raise StillhouseError("--out is for a table: give --file, too.")
    compute = StudentCompute.model_validate({"device": device, "eval_batch_size": batch_size})
    asker = Asker(student or asking.default_student(), compute, raw=raw)
    if rationale:
        asker.require_rationales()
    wanted = asking.Wanted(rationale, prefix, json_lines)
    if given is not None:
        asking.predict_text(asker, given, wanted, asking.speak)
    elif file is not None:
        asking.predict_file(asker, file, out, wanted, force=force, say=asking.speak)
    elif sys.stdin.isatty() and not json_lines:
        asking.predict_at_prompt(asker, wanted, asking.speak, lambda: input("> "))
    else:
        asking.predict_lines(asker, sys.stdin, wanted, asking.speak, size=batch_size)


@app.command()
def serve(
    *,
    student: Student = None,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8000,
    name: Annotated[str, typer.Option(help="What requests call the model.")] = "student",
    raw: Raw = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Most queries at a time.")] = 32,
    wait_ms: Annotated[
        float, typer.Option(min=0, max=1000, help="How long a query waits for others.")
    ] = 5.0,
    max_body_mb: Annotated[float, typer.Option(min=0.001, help="The largest request.")] = 4.0,
    device: DeviceOption = "auto",
) -> None:
    """Answer over HTTP: POST /predict, and /v1/chat/completions as OpenAI has it.

    Also GET /v1/models and /health. Requests that come together are answered together. Ends on
    Ctrl-C or SIGTERM, after what it has begun. There is no password: it is for this machine, or for
    what stands in front of it.
    """
    from stillhouse.config.student import StudentCompute
    from stillhouse.deployment.asker import Asker
    from stillhouse.deployment.predict import default_student
    from stillhouse.deployment.serve import Options, run

    compute = StudentCompute.model_validate({"device": device, "eval_batch_size": batch_size})
    asker = Asker(student or default_student(), compute, raw=raw)
    run(asker, Options(host, port, name, batch_size, wait_ms / 1000, int(max_body_mb * 1e6)))


@app.command()
def export(
    *,
    openai_chat: Annotated[
        Path, typer.Option(help="The file to write: JSON Lines of chat messages.")
    ],
    validation: Annotated[
        Path | None, typer.Option(help="A second file, for the validation rows.")
    ] = None,
    rationales: Annotated[
        bool, typer.Option("--rationales", help="Rationale and label, not the label alone.")
    ] = False,
    system: Annotated[str | None, typer.Option(help="The system message; empty for none.")] = None,
    fewest_rows: Annotated[int, typer.Option(help="The service takes no fewer.")] = 10,
    most_row_tokens: Annotated[int, typer.Option(help="The service takes no longer rows.")] = 65536,
    most_file_mb: Annotated[float, typer.Option(help="The service takes no larger files.")] = 512,
) -> None:
    """Write the training rows in the format that fine-tuning services take.

    Each row of data/training.parquet becomes a conversation. Where the run's prompt can ask a
    student (`vanilla`, `elaborate`), it is worded as a student with `templates: prompt` is asked,
    and as `family: served` asks the model that the service makes of it. Else it is the query below
    a system message of its own; so it is with --system, and with --rationales.

        stillhouse export --openai-chat train.jsonl --validation valid.jsonl
    """
    from stillhouse.deployment.export import Limits, hand_over

    limits = Limits(fewest_rows, most_row_tokens, most_file_mb)
    for line in hand_over(
        openai_chat, validation, rationales=rationales, system=system, limits=limits
    ):
        typer.echo(printable(line), err=line.startswith("warning"))


@app.command(**PASSED_ON)
def init(context: typer.Context) -> None:
    """Begin a project for your own data."""
    _pass_on_command(context)


@app.command(**PASSED_ON)
def add(context: typer.Context) -> None:
    """Copy an entry of the package into conf/."""
    _pass_on_command(context)


@app.command(**PASSED_ON)
def conf(context: typer.Context) -> None:
    """See what the package's entries have changed."""
    _pass_on_command(context)


@app.command(**PASSED_ON)
def upgrade(context: typer.Context) -> None:
    """Bring a project up to the installed stillhouse."""
    _pass_on_command(context)


@app.command(**PASSED_ON)
def parse(context: typer.Context) -> None:
    """Try how completions are read."""
    _pass_on(context, "stillhouse.parse.cli")


@app.command(**PASSED_ON)
def store(context: typer.Context) -> None:
    """Look after the store of teacher completions."""
    _pass_on(context, "stillhouse.store.cli")


@app.command(**PASSED_ON)
def study(context: typer.Context) -> None:
    """Run whole tables of experiments."""
    _pass_on(context, "stillhouse.studies.cli")


@app.command(**PASSED_ON)
def judge(context: typer.Context) -> None:
    """Compare a judge with labelled cases."""
    _pass_on(context, "stillhouse.feedback_judge.cli")


@app.command(**PASSED_ON)
def ratings(context: typer.Context) -> None:
    """Have people rate replies, blind, and read their ratings."""
    _pass_on(context, "stillhouse.ratings.cli")


def _pass_on(context: typer.Context, module: str) -> None:
    import_module(module).app(context.args, prog_name=f"stillhouse {context.info_name}")


def _pass_on_command(context: typer.Context) -> None:
    """Of commands that one module has together, each beside the others."""
    from stillhouse.project.cli import app as of_project

    of_project([str(context.info_name), *context.args], prog_name="stillhouse")


def main() -> None:
    """Run the command; a user's mistake is one message and exit status 1."""
    quiet_libraries()
    try:
        app()
    except StillhouseError as error:
        sys.exit(printable(f"error: {error}"))
