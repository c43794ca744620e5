"""
Find the errors in a text of any kind: a traceback, a log, several lines at once, a line from a client in another language.

`normalize` decides for programs, and therefore reads only texts of a known form. `find` reads for people: it goes line by line,
removes known frames (a time, a level), and looks up the rest. Each finding says how the error was found: `whole`, `framed`, or
`inside` other text. No part of the library that makes decisions imports this package.
"""

from __future__ import annotations

from errnorm.finding.finder import Finder
from errnorm.finding.finding import Finding, How
from errnorm.finding.load import installed_forms
from errnorm.finding.stream import Spotted, Stream

__all__ = ["Finder", "Finding", "How", "Spotted", "Stream", "installed_forms"]
