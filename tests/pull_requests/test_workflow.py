"""The workflow of pull requests: valid, with few rights, and its own steps run in a shell."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from stillhouse.core.yaml import parse_yaml
from tests.conftest import REPOSITORY
from tests.pull_requests.actions import EXPRESSION, FILE, WORKFLOW, Runner

PAGE = (REPOSITORY / "docs/pull-requests.md").read_text(encoding="utf-8")
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
(GITLAB,) = re.findall(r"```yaml\n(# \.gitlab-ci\.yml\n.*?)```", PAGE, re.DOTALL)
GH = """#!/bin/sh
# Records its arguments and the body that it is given; answers as $ANSWER says.
{ printf '%s\\n' "$@"; echo ----; } >> "$CALLS"
case "$ANSWER" in
  forbidden) echo "gh: Resource not accessible by integration (HTTP 403)" >&2; exit 1;;
  broken) echo "gh: Server Error (HTTP 502)" >&2; exit 1;;
esac
case "$*" in
  *--paginate*) printf "$ANSWER";;
  *) cat comment.md >> "$CALLS.body";;
esac
"""


@pytest.mark.parametrize("schema", ["github-workflows", "gitlab-ci"])
def test_the_files_are_as_their_schemas_say(schema, tmp_path):
    pytest.importorskip("check_jsonschema", reason="check-jsonschema, of the extra dev, is absent")
    (tmp_path / "file.yml").write_text(
        FILE.read_text(encoding="utf-8") if schema == "github-workflows" else GITLAB,
        encoding="utf-8",
    )
    command = ["-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", "file.yml"]
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_nobody_else_s_text_gets_into_a_script_and_rights_are_few():
    assert WORKFLOW["on"] == "pull_request"  # with the rights of the pull request, not of the base
    assert WORKFLOW["permissions"] == {}
    rights = {name: job["permissions"] for name, job in WORKFLOW["jobs"].items()}
    assert rights == {"compare": {"contents": "read"}, "comment": {"pull-requests": "write"}}
    for step in STEPS:
        assert not EXPRESSION.search(step.get("run", "")), step
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout")]
    assert [step["with"] for step in checkouts] == [
        {"fetch-depth": 0, "persist-credentials": False}
    ]
    assert not any(
        "checkout" in step.get("uses", "") for step in WORKFLOW["jobs"]["comment"]["steps"]
    )


@pytest.fixture
def posted(tmp_path):
    """Run the job `comment` with a `gh` that answers so; its success, its log, and the calls."""
    folder, kept = tmp_path / "job", tmp_path / "kept"
    (kept / "comment").mkdir(parents=True)
    folder.mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gh").write_text(GH, encoding="utf-8")
    (tmp_path / "bin/gh").chmod(0o755)
    calls = tmp_path / "calls"

    def run(answer, markdown="**Better**, `$(touch hacked)`\n\n<!-- stillhouse pr-comment -->\n"):
        calls.write_text("", encoding="utf-8")
        (kept / "comment/comment.md").write_text(markdown, encoding="utf-8")
        env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "CALLS": str(calls)}
        github = {"token": "t", "repository": "a/b", "event.pull_request.number": "7"}
        runner = Runner("comment", folder, kept, github, env | {"ANSWER": answer})
        success = runner.run()
        assert not (folder / "hacked").exists()
        return success, runner.said, calls.read_text(encoding="utf-8").split("----\n")[:-1]

    return run


def test_the_first_comment_is_posted(posted):
    success, _, (looked, sent) = posted("")
    assert success
    assert "repos/a/b/issues/7/comments" in looked
    assert sent == "api\n--method\nPOST\nrepos/a/b/issues/7/comments\n-F\nbody=@comment.md\n"


def test_the_one_comment_is_updated(posted):
    success, _, (_, sent) = posted("41\\n42\\n")
    assert success
    assert sent == "api\n--method\nPATCH\nrepos/a/b/issues/comments/41\n-F\nbody=@comment.md\n"


def test_on_a_fork_the_summary_is_all_and_nothing_fails(posted):
    success, said, calls = posted("forbidden")
    assert success
    assert "::notice::This token cannot comment" in said
    assert len(calls) == 1


def test_another_failure_of_the_call_is_one(posted):
    success, said, _ = posted("broken")
    assert not success
    assert "HTTP 502" in said


def test_without_a_comment_nobody_is_called(posted):
    success, _, calls = posted("", markdown="")
    assert success
    assert calls == []


def test_its_own_comment_is_found_among_others(tmp_path):
    if not shutil.which("jq"):
        pytest.skip("jq is not here, whose filter this is")
    (run,) = (step["run"] for step in STEPS if "gh api" in step.get("run", ""))
    (filter_,) = re.findall(r"mine='(.*)'", run)
    marked = "**Same**\n<!-- stillhouse pr-comment -->\n"
    comments = [
        {"id": 1, "user": {"login": "somebody"}, "body": marked},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "else"},
        {"id": 3, "user": {"login": "github-actions[bot]"}, "body": marked},
    ]
    found = subprocess.check_output(["jq", filter_], input=json.dumps(comments), text=True)
    assert found.split() == ["3"]


FAKES = {
    "stillhouse": """case "$1" in
  check) exit "$LOCK";;
  *) shift; echo "comment $*"; exit "$STATUS";;
esac""",
    "curl": """for last; do :; done
case "$last" in
  */user) echo '{"id": 5}';;
  *per_page*) echo "$NOTES";;
  *) printf '%s\\n' "$@" >> "$CALLS";;
esac""",
    "git": "",
    "make": "",
}
MARKED = "<!-- stillhouse pr-comment -->"
SOMEBODY, MINE = ({"id": n, "author": {"id": n}, "body": MARKED} for n in (4, 5))


@pytest.fixture
def merge_request(tmp_path):
    """Run the script of the page's GitLab job; its status, its log, and what was sent."""
    for name, script in FAKES.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    job = parse_yaml(GITLAB, "docs/pull-requests.md")["stillhouse"]
    variables = {name: str(value) for name, value in job["variables"].items()}

    def run(notes=(), lock=0, status=0, token="t", fail_if=""):
        env = variables | {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "CALLS": str(tmp_path / "calls"),
            "NOTES": json.dumps(list(notes)),
            "LOCK": str(lock),
            "STATUS": str(status),
            "COMMENT_TOKEN": token,
            "FAIL_IF": fail_if,
            "CI_API_V4_URL": "https://example.org/api/v4",
            "CI_PROJECT_ID": "1",
            "CI_MERGE_REQUEST_IID": "2",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        }
        (tmp_path / "calls").write_text("", encoding="utf-8")
        # As the runner does it: one shell, which ends at the first line that fails.
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])],
            check=False,
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, (tmp_path / "calls").read_text(encoding="utf-8")

    return run


NOTES = "https://example.org/api/v4/projects/1/merge_requests/2/notes"


def test_gitlab_s_one_note_is_posted_and_then_updated(merge_request):
    status, said, sent = merge_request([SOMEBODY])
    assert status == 0
    assert "comment --base origin/main --alpha 0.05\n" in said
    assert sent.splitlines()[-5:] == [
        "--request",
        "POST",
        "--data-urlencode",
        "body@comment.md",
        NOTES,
    ]
    _, _, sent = merge_request([SOMEBODY, MINE])
    assert sent.splitlines()[-5:] == [
        "--request", "PUT", "--data-urlencode", "body@comment.md", f"{NOTES}/5",
    ]  # fmt: skip


def test_gitlab_s_job_fails_closed_after_it_has_said_why(merge_request):
    status, said, sent = merge_request(lock=1)
    assert status == 1
    assert "--stale" in said
    assert "POST" in sent
    status, said, sent = merge_request(status=1, fail_if="worse")
    assert status == 1
    assert "--fail-if worse" in said
    assert "POST" in sent


def test_without_a_token_gitlab_s_job_only_prints(merge_request):
    status, said, sent = merge_request(token="")
    assert status == 0
    assert "comment --base" in said
    assert sent == ""
