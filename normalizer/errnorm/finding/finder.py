"""Find the errors in a whole text: line by line; a traceback or an XML element counts as one error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from errnorm.finding.alike import Coded
from errnorm.finding.blocks import block_at
from errnorm.finding.finding import Finding, How
from errnorm.finding.load import installed_forms
from errnorm.finding.lookup import Lookup
from errnorm.finding.margin import without_margin
from errnorm.finding.reading import Reader
from errnorm.lazy import lazy
from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from errnorm.error import NormalizedError
    from errnorm.finding.blocks import Raised
    from errnorm.finding.forms import Forms
    from errnorm.finding.reading import Seen
    from errnorm.normalizer import Normalizer

__all__ = ["UNKNOWN", "Finder"]

UNKNOWN: Final = "unknown"
"""A line that is an error without a matching row."""

_MARGIN = re.compile(r"^ +\| ")
# Colours, also as a console, a pager and syslog show the escape character.
_ANSI = re.compile("\x1b\\[[0-9;]{0,16}[A-Za-z]|(?:\u2190|\u241b|\\^\\[|#033)\\[[0-9;]{0,16}m")
_LONGEST_TEXT = 1 << 20
_MOST_LINES = 20_000
_MOST_JOINED = 8
_WORDS = re.compile(r"[a-z]{3,}")
# Words with which most programs report an error.
_ALARMING = frozenset(
    {
        "abort",
        "aborted",
        "alert",
        "critical",
        "denied",
        "err",
        "error",
        "errors",
        "exception",
        "fail",
        "failed",
        "failing",
        "failure",
    }
    | {"fatal", "ftl", "invalid", "panic", "refused", "severe", "timeout", "timed", "unable", "warn", "warning", "wrn"}
)
# Beginnings of texts that are read as a whole, although they may have several lines: an element, a document, a header block, a
# packet.
_WHOLE = ("<", "{", "NATS/", "-ERR", "+OK", "INFO ")


class Finder:
    """
    Finds errors with the adapters and tables of a normalizer.

    Attributes:
        forms: The forms of errors in texts.
    """

    def __init__(self, normalizer: Normalizer, forms: Forms | None = None, *, logs: bool = False) -> None:
        """
        Create a finder.

        Args:
            normalizer: The normalizer whose tables are searched.
            forms: The forms of errors in texts; the installed ones if not given.
            logs: Whether the texts are the logs of any program. Then a short general text, such as `connection closed`, counts
                only if the text around it shows the protocol. Who asks about one text has reasons to take it for an error of NATS
                or XMPP.

        Raises:
            TableError: If no installed file of forms can be read.
        """
        self.forms = installed_forms() if forms is None else forms
        self._lookup = Lookup(normalizer, self.forms, self.forms.is_general if logs else self.forms.is_listed)
        self._reader = Reader(self._lookup, self.forms)

    def find(self, text: str) -> list[Finding]:
        """
        Find the errors in a text. Never raises.

        Args:
            text: Any text; only its first 2**20 characters are read.

        Returns:
            The findings, in the order of the text. A sentence of an application that does not say why something failed is
            returned only if nothing else says it. Notices are returned only if there is no error, and only from lines that are
            not at the level `info` or `debug`.
        """
        text = _cleaned(text)
        bare = without_margin(text, self.forms)
        found = [bare.placed(one, text) for one in self._found("\n".join(bare.lines))]
        errors = [one for one in found if one.error.reason is not Reason.PROTOCOL_NOTICE]
        explained = [one for one in errors if not self._is_sentence(one.error)]
        return explained or errors or [one for one in found if not self.forms.quiet.search(text.split("\n")[one.line - 1])]

    def _is_sentence(self, error: NormalizedError) -> bool:
        section = f"{error.judgement.protocol}/{error.section}"
        return not self.forms.sentences.isdisjoint((section, f"{section}/{error.code}"))

    def error_in(self, line: str) -> Seen | Literal["unknown"] | None:
        """
        Return the error in a line of a log, where most lines are not errors.

        Returns:
            What was found; `UNKNOWN` if the line is an error without a matching row; `None` if the line is not an error.
        """
        if self.forms.skipped.match(line):
            return None
        seen = self.line(line)
        if seen is None:
            return UNKNOWN if self.forms.unknown.search(line) else None
        return None if seen.error.reason is Reason.PROTOCOL_NOTICE else seen

    def line(self, line: str) -> Seen | None:
        """Read one line; `None` if there is no known error in it."""
        return self._reader.read(line)

    def may_hold(self, words: Iterable[str]) -> bool:
        """Return whether a line with these words, in lower case, can contain a known error or look like an error."""
        said = set(words)
        if not self._alarming.isdisjoint(said):
            return True
        pairs = self._pairs
        return any(not said.isdisjoint(pairs[word]) for word in said & pairs.keys())

    @lazy
    def coded(self) -> Coded:
        """Decides whether a digit in a line may decide which error it is."""
        return Coded(self._lookup.tables())

    @lazy
    def _pairs(self) -> dict[str, set[str]]:
        merged: dict[str, set[str]] = {}
        for pairs in self._lookup.pairs():
            for word, others in pairs.items():
                merged.setdefault(word, set()).update(others)
        return merged

    @lazy
    def _alarming(self) -> frozenset[str]:
        # A form that only looks up the text inside it (`{inner}`) does not make a line an error.
        forms = (form for form in self.forms.forms if any("{inner}" not in place.code for place in form.rows))
        said = (max(_WORDS.findall(words), key=len, default="error") for form in forms for words in form.has)
        return _ALARMING | frozenset(said)

    def _found(self, text: str) -> Iterator[Finding]:
        whole = text.strip()
        coarse = None
        if "\n" not in whole and not whole[:1].isdigit() and self.forms.skipped.match(whole):
            return
        if "\n" not in whole or whole.startswith(_WHOLE):
            error = self._lookup.normalizer.normalize(whole)
            if error.known:
                coarse = Finding(1, 0, len(whole), whole, How.WHOLE, error)
                # An element that cannot be parsed was cut by the one who pasted it.
                if self._lookup.is_everyday(error) or self.forms.markup.is_broken(error.section):
                    coarse = None
                elif not self._lookup.is_vague(error):
                    yield coarse
                    return
        some = False
        for finding in self._by_blocks(text):
            some = True
            yield finding
        if coarse is not None and not some:
            yield coarse

    def _by_blocks(self, text: str) -> Iterator[Finding]:
        shown = self.forms.shows(text)
        lines = self.forms.markup.unescaped(text).split("\n")[:_MOST_LINES]
        at = 0
        while at < len(lines):
            at, found = self.block(lines, at, shown=shown)
            yield from found

    def block(self, lines: Sequence[str], first: int, *, shown: bool = False) -> tuple[int, list[Finding]]:
        """
        Read the traceback, element or single line that begins at a line.

        Args:
            lines: The lines of a text.
            first: The number of the line, from 0.
            shown: Whether the text shows its protocol.

        Returns:
            The number of the next line, and the findings.
        """
        block = block_at(lines, first, self.forms.unstamped)
        if block.raised:
            chains = (self._of_chain(chain, lines, shown=shown) for chain in block.chains())
            return block.last, [found for found in chains if found is not None]
        if self.forms.skipped.match(lines[first]):
            return block.last, []
        taken, found = self._of_line(lines, first, shown=shown)
        return taken, [] if found is None else [found]

    def _of_line(self, lines: Sequence[str], first: int, *, shown: bool) -> tuple[int, Finding | None]:
        line = lines[first]
        if self.forms.markup.holds_error("\n".join(lines[first : first + _MOST_JOINED])):
            taken, seen = self._reader.element(lines, first)
            if seen is not None:
                return taken, _finding(seen, first, line)
        if line.endswith("\\") and (unfolded := self._unfolded(lines, first, shown=shown)) is not None:
            return unfolded
        seen = self._reader.read(line, shown=shown)
        return (first + 1, _finding(seen, first, line)) if seen is not None else self._joined(lines, first, shown=shown)

    def _unfolded(self, lines: Sequence[str], first: int, *, shown: bool) -> tuple[int, Finding] | None:
        """Read a line together with the lines on which it goes on, because each line before ends with a backslash."""
        text, last = lines[first][:-1], first + 1
        while last < min(len(lines), first + _MOST_JOINED) and self._goes_on(lines[last], shown=shown):
            further = lines[last].removesuffix("\\")
            spaced = text[-1:].isspace() or further[:1].isspace()
            text = f"{text.rstrip()}{' ' if spaced else ''}{further.lstrip()}"
            last += 1
            if further == lines[last - 1]:
                break
        seen = self._reader.read(text, shown=shown) if last > first + 1 else None
        return None if seen is None else (last, _finding(seen, first, text))

    def _joined(self, lines: Sequence[str], first: int, *, shown: bool) -> tuple[int, Finding | None]:
        """Read a line together with its continuation lines, which are indented or wrapped and contain no error themselves."""
        joined = [lines[first].rstrip()]
        marked = self.forms.unknown.search(lines[first]) is not None
        spaced = self.forms.spaced.search(lines[first]) is not None
        if marked and (placed := self._placed(lines, first, shown=shown)) is not None:
            return first + 1, placed
        for last in range(first + 1, min(len(lines), first + _MOST_JOINED)):
            if spaced and not lines[last].strip():
                continue
            if not (marked or lines[last][:1].isspace()) or not self._goes_on(lines[last], shown=shown):
                break
            joined.append(lines[last].strip())
            for glue in (" ", ""):
                text = glue.join(joined)
                if (seen := self._reader.read(text, shown=shown)) is not None:
                    return last + 1, _finding(seen, first, text)
        return first + 1, None

    def _placed(self, lines: Sequence[str], first: int, *, shown: bool) -> Finding | None:
        """Read an exception of Java together with the first line of its stack that shows whose code failed."""
        for last in range(first + 1, min(len(lines), first + _MOST_JOINED)):
            place = self.forms.unstamped(lines[last])
            if not self.forms.skipped.match(place):
                return None
            if place.lstrip().startswith("at ") and self.forms.shows(place):
                text = f"{lines[first].rstrip()} {place.strip()}"
                seen = self._reader.read(text, shown=shown)
                return None if seen is None else _finding(seen, first, text)
        return None

    def _goes_on(self, line: str, *, shown: bool) -> bool:
        if not line.strip() or self.forms.unstamped(line) != line or self.forms.skipped.match(line):
            return False
        return not self.forms.markup.holds_error(line) and self._reader.read(line, shown=shown) is None

    def _of_chain(self, chain: Sequence[Raised], lines: Sequence[str], *, shown: bool) -> Finding | None:
        """Read the last exception of a chain, or its explicit cause. A wrapper is replaced by the exception that it wraps."""
        wrapper: Finding | None = None
        for at in range(len(chain) - 1, -1, -1):
            line = chain[at].line
            if at < len(chain) - 1 and chain[at].link != "cause" and wrapper is None:
                break
            if (seen := self._reader.read(_MARGIN.sub("", lines[line]), shown=shown)) is not None:
                if chain[-1].link and seen.error.reason is Reason.SHUTDOWN_CLIENT:
                    continue  # what was cancelled ended in another exception, which was cut off
                found = _finding(seen, line, lines[line])
                if seen.error.judgement.final:
                    return found
                wrapper = wrapper or found
        return wrapper


def _finding(seen: Seen, line: int, text: str) -> Finding:
    return Finding(line + 1, seen.start, seen.end, text[seen.start : seen.end], seen.how, seen.error)


def _cleaned(text: str) -> str:
    text = text[:_LONGEST_TEXT].replace("\u240d\u240a", "\n").replace("\r\n", "\n").replace("\r", "\n")
    return _ANSI.sub("", text)
