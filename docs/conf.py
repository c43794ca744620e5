"""How the site is built: Sphinx, MyST Markdown and furo. Warnings are errors; what is generated is made before the build."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from errnorm_docs.pages import write  # noqa: E402 - it stands beside this file, not among the installed packages

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "errnorm"
author = "The errnorm developers"
copyright = author  # noqa: A001 - the name Sphinx reads
release = version = version_of("errnorm")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_generated/site", "dashboards"]
html_theme = "furo"
html_title = "errnorm"
html_extra_path = ["_generated/site"]
html_copy_source = False
html_static_path: list[str] = []

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
    ("py:class", r"_Consumer|pa\..*|errnorm\.(decision|taxonomy)\..*|pydantic\..*"),
    ("py:class", r"Callback|Fact|Output|Source"),
    # Google's `Returns:` may begin with a type; ours begins with a sentence.
    ("py:class", r".* .*|A function|an exception"),
]
write(HERE / "_generated")


def setup(app: Sphinx) -> None:
    """Let descriptions of properties hold a colon: napoleon would take what stands before it for a type."""
    app.connect("autodoc-process-docstring", _shield, priority=100)


def _shield(_app: Sphinx, what: str, _name: str, _thing: object, _options: object, lines: list[str]) -> None:
    if what == "property":
        lines.insert(0, "")
