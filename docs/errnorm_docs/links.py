"""Where the sources of rows stand on the web: standards, and the repositories of programs."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["linked"]


def _repository(address: str) -> Callable[[re.Match[str]], str]:
    return lambda _: address


_LINKS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        re.compile(r"RFC (?P<number>[0-9]{3,5})(?: (?P<section>[0-9]+(?:\.[0-9]+)*))?"),
        lambda found: (
            f"https://www.rfc-editor.org/rfc/rfc{found['number']}" + (f"#section-{found['section']}" if found["section"] else "")
        ),
    ),
    (re.compile(r"XEP-(?P<number>[0-9]{4})"), lambda found: f"https://xmpp.org/extensions/xep-{found['number']}.html"),
    (
        re.compile(r"(?:server/|logger/)(?P<file>\w+\.go)"),
        lambda found: f"https://github.com/nats-io/nats-server/blob/main/{found[0]}",
    ),
    (re.compile(r"errors\.json"), _repository("https://github.com/nats-io/nats-server/blob/main/server/errors.json")),
    (re.compile(r"nats-py \S+\.py|nats-(?:core|jetstream|key-value) \S+\.py"), _repository("https://github.com/nats-io/nats.py")),
    (re.compile(r"Prosody (?P<file>\S+\.lua)"), lambda found: f"https://hg.prosody.im/trunk/file/tip/{found['file']}"),
    (
        re.compile(r"ejabberd (?P<file>\w+\.erl)"),
        lambda found: f"https://github.com/processone/ejabberd/blob/master/src/{found['file']}",
    ),
    (re.compile(r"slixmpp \S+\.py"), _repository("https://codeberg.org/poezio/slixmpp")),
    (re.compile(r"aioxmpp \S+\.py"), _repository("https://codeberg.org/jssfr/aioxmpp")),
)


def linked(text: str) -> str:
    """Return a text as HTML in which what stands on the web is a link."""
    found = sorted(
        (match.start(), match.end(), address(match)) for pattern, address in _LINKS for match in pattern.finditer(text)
    )
    html, at = "", 0
    for start, end, address in found:
        if start >= at:
            html += (
                escape(text[at:start], quote=False) + f'<a href="{escape(address)}">{escape(text[start:end], quote=False)}</a>'
            )
            at = end
    return html + escape(text[at:], quote=False)
