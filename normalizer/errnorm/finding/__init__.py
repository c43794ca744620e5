"""
Find the errors in a text that people have: a traceback, a log, ten lines at once, a line of another language's client.

`normalize` decides for programs and reads only what has a form. `find` reads for people: it peels known frames, goes line by
line and looks up what is left. Each finding says how it is known: `whole`, `framed`, or `inside` somebody's words. No part of
the library that decides anything imports this package.
"""

from __future__ import annotations

from errnorm.finding.finder import Finder
from errnorm.finding.finding import Finding, How
from errnorm.finding.load import installed_forms
from errnorm.finding.stream import Spotted, Stream

__all__ = ["Finder", "Finding", "How", "Spotted", "Stream", "installed_forms"]
