"""DVC draws the plots in a clone that has nothing but what is in Git."""

import json
import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser

import pytest

from stillhouse.core import paths
from tests.conftest import REPOSITORY
from tests.offline_plots import NOTICES, TARGET, page
from tests.pipeline.workspace import Workspace

pytestmark = pytest.mark.slow


def test_a_fresh_clone_draws_losses_apart_and_accuracies_with_their_intervals(
    workspace, fast, tmp_path
):
    workspace.run("git", "clone", "--quiet", str(workspace.path), str(tmp_path / "clone"))
    clone = Workspace(tmp_path / "clone", fast)
    shown = json.loads(clone.dvc("plots", "show", "--json"))
    assert "errors" not in shown
    drawn = {}
    for name, plots in shown["data"].items():
        for plot in plots:
            content = plot["content"]
            drawn[name] = json.loads(content) if isinstance(content, str) else content
    assert all(name.endswith(".csv") for name in drawn)  # other figures draw nothing
    assert {str(paths.ACCURACY_PLOT), str(paths.STATUS_PLOT)} <= drawn.keys()
    accuracy = drawn[str(paths.ACCURACY_PLOT)]
    assert {"model", "accuracy", "low", "high", "rev"} <= accuracy["data"]["values"][0].keys()
    assert [layer["mark"]["type"] for layer in accuracy["layer"]] == ["bar", "rule", "tick", "tick"]
    training = drawn[str(paths.train_curve(0))]
    (fold,) = (step["fold"] for step in training["transform"] if "fold" in step)
    assert {"label_loss", "rationale_loss"} <= set(fold) & training["data"]["values"][0].keys()
    assert "<DVC_METRIC" not in json.dumps([accuracy, training])


@pytest.fixture
def clone(workspace, fast, tmp_path):
    """A clone with nothing but what is in Git, and the repository's own settings of DVC."""
    workspace.run("git", "clone", "--quiet", str(workspace.path), str(tmp_path / "clone"))
    shutil.copy(REPOSITORY / ".dvc/config", tmp_path / "clone/.dvc/config")
    return Workspace(tmp_path / "clone", fast)


class _Elements(HTMLParser):
    """The elements of a page, scripts' own text apart, and the addresses that they load."""

    def __init__(self):
        super().__init__()
        self.named, self.loading = Counter(), []

    def handle_starttag(self, tag, attrs):
        self.named[tag] += 1
        self.loading += [value for name, value in attrs if name in ("src", "href", "srcset")]


def test_what_dvc_plots_writes_needs_no_network(clone):
    clone.dvc("plots", "show", "--out", "shown")
    clone.dvc("plots", "diff", "HEAD", "--out", "both")
    for folder in ("shown", "both"):
        written = (clone.path / folder / "index.html").read_text(encoding="utf-8")
        elements = _Elements()
        elements.feed(written)
        assert elements.named["script"] > 4  # Vega, and a plot each
        assert not elements.loading
        assert "vegaEmbed(" in written


def test_it_draws_in_a_browser_that_reaches_nothing(clone, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("there is no Chromium")
    clone.dvc("plots", "show", "--out", "shown")
    done = subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            f"--user-data-dir={tmp_path / 'browser'}",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=20000",
            (clone.path / "shown/index.html").as_uri(),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    seen = re.sub(r"<script.*?</script>", "", done.stdout, flags=re.DOTALL)
    drawn = set(re.findall(r'<div id="(\w+)" class="vega-embed', seen))
    assert drawn == {
        "metrics_plots_accuracy_csv",
        "metrics_plots_status_csv",
        "metrics_confusion_seed_0_csv",
        "metrics_train_seed_0_csv",
    }  # and no empty places
    assert seen.count('class="marks"') == len(drawn)
    assert "Open in Vega Editor" not in seen  # which would send the data to a site


def test_the_page_is_made_as_it_says():
    written = TARGET.read_text(encoding="utf-8")
    script = written.partition("<script>\n")[2].partition("\n</script>")[0]
    assert page(script, NOTICES.read_text(encoding="utf-8")) == written
    assert len(written) < 1_000_000
