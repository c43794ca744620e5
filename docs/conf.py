"""How the site is built: Sphinx, MyST Markdown and furo. Warnings are errors; what is generated is made before the build."""

from __future__ import annotations

import os
import sys
from html import escape
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from errnorm_docs.pages import write  # noqa: E402 - it stands beside this file, not among the installed packages
from errnorm_docs.search import ErrorDomain  # noqa: E402 - as above

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "errnorm"
author = "The errnorm developers"
copyright = author  # noqa: A001 - the name Sphinx reads
# `.ci/versions` names the version that it builds; each has its own sources.
release = version = os.environ.get("ERRNORM_VERSION") or version_of("errnorm")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_generated/site", "dashboards"]
html_theme = "furo"
html_title = f"errnorm {release}"
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL", "")
html_extra_path = ["_generated/site"]
html_copy_source = False
html_static_path = ["errnorm_docs/static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Docstrings name things in single backquotes, as Markdown does: code, not a reference.
default_role = "code"
nitpicky = True
nitpick_ignore_regex = [
    # Names that only type checkers import stand in signatures without their module.
    (
        "py:class",
        r"AbstractEventLoop|C|Category|Effect|Entry|Hooks|How|Knows|Nothing|Options|Outcome|Privacy|Processor|Reason|Recovery|Witness",
    ),
    ("py:class", r"_Consumer|XmppAttachment|pa\..*|errnorm\.(decision|taxonomy)\..*|pydantic\..*"),
    ("py:class", r"Callback|Fact|Output|Source"),
    # Google's `Returns:` may begin with a type; ours begins with a sentence.
    ("py:class", r".* .*|A function|an exception"),
]
write(HERE / "_generated")


def setup(app: Sphinx) -> None:
    """Let the search find rows, and descriptions of properties hold a colon: napoleon would take what is before it for a type."""
    app.add_domain(ErrorDomain)
    app.connect("autodoc-process-docstring", _shield, priority=100)
    app.connect("html-page-context", _card)


def _card(_app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Say what a link to a page looks like where it is shared: its title, and the picture of errnorm."""
    title = escape(f"{context.get('title', project)} - {project}")
    tags = {"title": title, "type": "website", "image": f"{html_baseurl}_static/card.png", "url": f"{html_baseurl}{page}.html"}
    context["metatags"] = context.get("metatags", "") + "".join(
        f'<meta property="og:{name}" content="{value}" />\n' for name, value in tags.items()
    )


def _shield(_app: Sphinx, what: str, _name: str, _thing: object, _options: object, lines: list[str]) -> None:
    if what == "property":
        lines.insert(0, "")
