"""The page's own parts: in its stage's fingerprint, safe to inline, one for each purpose."""

import shutil

from stillhouse.code.fingerprint import Sources, fingerprint
from stillhouse.page import assets
from tests.conftest import REPOSITORY


def test_every_asset_counts_for_the_stage_that_writes_the_page(tmp_path):
    package = tmp_path / "stillhouse"
    shutil.copytree(REPOSITORY / "src/stillhouse", package)

    def digest():
        return fingerprint("report", Sources(package, REPOSITORY / "stages")).digest

    before = digest()
    for name in ("page.css", "page.html", "trace.js"):
        path = package / "page/assets" / name
        kept = path.read_bytes()
        path.write_bytes(kept + b"\n")
        assert digest() != before, name
        path.write_bytes(kept)
    assert digest() == before


def test_all_scripts_are_in_the_page_and_close_nothing():
    files = {path.stem for path in assets.HERE.glob("*.js")}
    assert files == set(assets.SCRIPTS)
    for text in (assets.script(), assets.style()):
        assert "</" not in text
        assert "<!--" not in text
    for name in ("fetch(", "XMLHttpRequest", "import(", "eval(", "document.write", "outerHTML"):
        assert name not in assets.script()
