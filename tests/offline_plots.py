"""Writes `.dvc/plots/offline.html`: the page that `dvc plots` fills, with its scripts inside.

DVC's own page loads Vega from a CDN. `make offline-plots` runs this with vl-convert, which carries
Vega, Vega-Lite and Vega-Embed, in an environment of its own; nothing else needs that package.
"""

from pathlib import Path

NOTICES = Path(__file__).with_suffix(".txt")
TARGET = Path(__file__).parent.parent / ".dvc/plots/offline.html"
VEGA_LITE = "5.21"
"""Of the version 5 whose templates DVC and this repository have."""
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Plots</title>
{refresh_tag}
<!--
%(notices)s-->
<style>
body { font-family: sans-serif; margin: 1em; }
table { border-spacing: 15px; }
</style>
<script>
%(script)s
</script>
<script>
// DVC gives figures without a drawing a place all the same, with an empty specification. And no
// entry of a plot's menu leads to a site.
const draw = window.vegaEmbed;
const options = {actions: {export: true, source: false, compiled: false, editor: false}};
window.vegaEmbed = (place, spec) => {
  if (Object.keys(spec).length) return draw(place, spec, options);
  document.querySelector(place).remove();
};
</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def page(script: str, notices: str) -> str:
    """The template; the script must not end its own element, nor hold what DVC fills in."""
    for taken in ("</script", "<!--", "{plot_divs}", "{refresh_tag}"):
        assert taken not in script, taken
    assert "--" not in notices
    return PAGE % {"notices": notices, "script": script.strip()}


if __name__ == "__main__":
    import vl_convert  # type: ignore[import-not-found]

    bundle = vl_convert.javascript_bundle(vl_version=VEGA_LITE)
    TARGET.write_text(page(bundle, NOTICES.read_text("utf-8")), encoding="utf-8")
