"""What the pages that draw panels are made of: templates, styles and scripts, in ``assets/``."""

import json
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

FOLDER = Path(__file__).parent / "assets"
#: The modules of the report's script, each after those that it imports.
SCRIPTS = (
    *("document", "format", "times", "colors", "values", "axes", "chart", "legend"),
    *("timeseries", "heatmap", "stat", "table", "panels", "frame", "page"),
)
#: Characters that end a script or a line of one, and what stands for them in JSON.
UNSAFE = str.maketrans({each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"})
TEMPLATES = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=select_autoescape(["j2"]), undefined=StrictUndefined
)


def text(name: str) -> Markup:
    """Return a file of the folder as it is to stand in a page."""
    return Markup((FOLDER / name).read_text(encoding="utf-8"))


def script() -> Markup:
    """Return the report's modules as one script, because the report is a single file and cannot import any."""
    modules = "\n".join(text(f"js/{name}.js") for name in SCRIPTS)
    return Markup(re.sub(r"^import [^;]+;\n|^export ", "", modules, flags=re.MULTILINE))


def embedded(document: object) -> Markup:
    """Return JSON that can stand in a page's ``<script>``."""
    return Markup(json.dumps(document, separators=(",", ":"), allow_nan=False).translate(UNSAFE))
