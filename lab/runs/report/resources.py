"""The templates, styles and scripts in ``assets/``, for the pages that draw panels."""

import json
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

FOLDER = Path(__file__).parent / "assets"
#: The JavaScript modules of the report. Each one is listed after the modules that it imports.
SCRIPTS = (
    *("document", "format", "times", "colors", "values", "axes", "chart", "legend"),
    *("timeseries", "heatmap", "stat", "table", "panels", "frame", "page"),
)
#: Characters that can end a script or one of its lines, and their escapes in JSON.
UNSAFE = str.maketrans({each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"})
TEMPLATES = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=select_autoescape(["j2"]), undefined=StrictUndefined
)


def text(name: str) -> Markup:
    """Return a file from the folder as markup that is inserted into a page unescaped."""
    return Markup((FOLDER / name).read_text(encoding="utf-8"))


def script() -> Markup:
    """Return the report's modules as one script: the report is a single file and cannot import modules."""
    modules = "\n".join(text(f"js/{name}.js") for name in SCRIPTS)
    return Markup(re.sub(r"^import [^;]+;\n|^export ", "", modules, flags=re.MULTILINE))


def embedded(document: object) -> Markup:
    """Return JSON that is safe inside a page's ``<script>``."""
    return Markup(json.dumps(document, separators=(",", ":"), allow_nan=False).translate(UNSAFE))
