"""
The words of a row are those of the server it comes from: the programs that are installed hold every one of them.

No server is started. Where none is installed there is nothing to ask, and the tests are skipped.
"""

from __future__ import annotations

import re
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from errnorm.tables.provenance import Reach
from tests.each import each
from tests.mappings import rows
from tests.servers import ejabberd, nats, prosody

if TYPE_CHECKING:
    from errnorm.tables.row import Entry

# What the library of Go puts before its words.
BY_GO = re.compile(r"((remote|local) error: )?tls: (failed to verify certificate: x509: )?|x509: |net/http: |context ")
PLACE = r'"?\{[a-z_]+\}"?'
# What nats-server puts together from parts, besides the places of a row.
_JOINTS = (
    r"(?<=^invalid mapping destination): ",
    r" in( (?=\{(text|token)\})|$)",
    r"(?<=^authentication error) - (JWT User|User|Nkey|Token) ",
    r"(?<=^maximum payload exceeded): ",
    r"(?<=^maximum control line exceeded): State ",
    r"^(Publish|Subscription)(?= Violation)",
    r"(?<= Violation - )User ",
    r"^(Client|Router|Gateway|Leafnode)(?= parser)",
    r"(?<=^Slow Consumer )State",
    r"^processRemoteUnsub",
    r"^wrong (un)?subscribe",
    r"^unsubscribe",
    r"(?<=^TLS )(route|gateway|leafnode)(?= handshake)",
    r"(?<=^JetStream )(memory|file)(?= resource)",
    r"(?<=out of )(memory|file)",
    r"^JetStream API( info)? queue(?= limit)",
    r"(?<=^Starting )http",
    r"(?<=^no suitable peers for placement), ",
    r"^RAFT \[\{id\} - \{name\}\]",
    r"^Filestore \[\{stream\}\]",
    r"^\{text\}: (remote error: )?",
    r"^(remote error: )?tls: ",
    r", (?=\{text\}$)",
    r"(?<= for the source): ",
)
JOINTS = "|".join(_JOINTS)
# The same of Prosody and ejabberd.
XMPP_JOINTS = (
    r"(?<= closed): |^(Outgoing|Incoming)(?= s2s)|(?<=^Unhandled )c2s|(?<=\{jid\}): |(?<= authentication )(for|from)(?= \{)"
)
# Other spellings of a text that the installed versions have, of other versions and of the documentation alone. A text that no
# installed version has at all stands in the section `older`.
OTHER_VERSIONS = {
    "JetStream cluster stream'{account} > {stream}' has NO quorum, stalled",
    "JetStream cluster stream'{account}> {stream}' has NO quorum, stalled",
    "Filestore [{stream}] indexCacheBuf corrupt record state: dlen {number} slen {count} index {index} rl {size} lbuf {limit}",
    "Filestore [{stream}] indexCacheBuf corrupt state: mb.first {number} mb.last {count}",
    'JetStream cluster failed to lookup axccount "{account}": {text}',
    "RAFT [{id} - {name}] Detected another leader with higher term, will stepdown and reset",
    "({socket}) Failed to secure inbound s2s connection to {host}: {text}",
    "Connection to Gateway Rejected",
    "JSStreamMoveInProgressF",
    "Mismatch route pool size: {size} vs {number}",
    "The only mapping function allowed for import transforms is `{{Wildcard()}}`",
    "maximum consumers exceeds account limit",
    "mirror subject filter is invalid",
    "source subject filter is invalid",
    "source transform destination is invalid",
    "stream mirrors can not also contain subjects",
    "character ' ' not supported for MQTT topics",
    "invalid connection, websocket currently not supported",
    "Error trying to connect to route: {text}",
    "Temporary {kind} Accept Error ({text}), sleeping {delay}",
    "Plaintext passwords detected. Use Nkeys or Bcrypt passwords in config files.",
    "stream needs at least one configured subject or mirror",
    "stream mirrors may not have subjects",
    "stream mirrors do not make use of a de-duplication window",
    "subject marker delete {text}",
    "consumer idle heartbeat needs to be > 100ms",
    'consumer "{name}" replica count must be {number}',
    "filter subject can not be updated",
}
# Functions that the linker leaves out because the server itself never calls them, and constants of other kinds.
NOT_LINKED = {
    "JetStreamReservedResources",
    "JetStreamSnapshotStream",
    "JetStreamStepdownConsumer",
    "JsPullRequestRemainingBytesT",
    "RegisterAccount",
    "selectPeerError",
    "badAPIRequestT",
}


def of_the_server() -> list[Entry]:
    # `older` is of versions and programs that are not installed, `client_…` of clients in other languages, `said` of programs.
    others = ("client", "api", "older", "said", "service")
    return [entry for entry in rows.of("nats")() if not entry.section.startswith(others)]


def emitted() -> list[Entry]:
    return [entry for entry in of_the_server() if entry.row.reach is not Reach.NEVER]


def texts_of_go() -> list[str]:
    return [text for entry in rows.of("transport")() for text in entry.row.aliases if BY_GO.match(text)]


def fixed(text: str, joints: str) -> list[str]:
    """The parts of a text that stand in a program as they are."""
    pieces = re.sub(f"{joints}|{PLACE}", "\0", text).split("\0")
    return [piece.strip() for piece in pieces if len(piece.strip()) > 2]


def said_by_nats(placed: Entry) -> list[str]:
    spelled = (placed.row.text, *placed.row.aliases, None if placed.section == "jetstream" else placed.key)
    texts = [text for text in spelled if text and text not in OTHER_VERSIONS]
    return [re.sub("^[0-9]{3} ?", "", text) if placed.section == "status" else text for text in texts]


@cache
def readable() -> bytes:
    """All that can be read in the nats-servers that are installed, in small letters."""
    programs = [program for program in (nats.current(), nats.debian()) if program]
    return b"\n".join(part.lower() for program in programs for part in re.findall(rb"[\x20-\x7e]{3,}", program.read_bytes()))


@cache
def names() -> frozenset[str]:
    words = re.findall(rb"/server\.(?:\(\*?\w+\)\.)?(\w+)|/server/(\w+\.go)", readable())
    return frozenset(name.decode() for pair in words for name in pair if name)


@pytest.mark.skipif(nats.current() is None or nats.debian() is None, reason="both nats-servers have to be installed")
class TestNats:
    @each("placed", emitted, ids=rows.named)
    def test_the_words_of_a_row_stand_in_the_server(self, placed: Entry) -> None:
        pieces = [piece for text in said_by_nats(placed) for piece in fixed(text, JOINTS)]

        assert [piece for piece in pieces if piece.lower().encode() not in readable()] == []

    @each("placed", of_the_server, ids=rows.named)
    def test_the_files_and_functions_of_a_source_are_in_the_server(self, placed: Entry) -> None:
        sources = [re.fullmatch(r"(?:server/)?(\w+\.go):?(?: (.+))?", part) for part in placed.row.source.split("; ")]
        functions = [name for source in sources if source and source[2] for name in re.findall(r"\w+", source[2])]
        wanted = {source[1] for source in sources if source} | {name for name in functions if name not in NOT_LINKED}
        if "up to" in placed.row.source or "main.go" in wanted:
            return

        assert {name for name in wanted if name.lower() not in names()} == set()


@pytest.mark.skipif(nats.current() is None, reason="nats-server, which is written in Go, has to be installed")
@each("text", texts_of_go)
def test_the_words_of_go_stand_in_a_program_of_go(text: str) -> None:
    assert [piece for piece in fixed(BY_GO.sub("", text), "$") if piece.lower().encode() not in readable()] == []


def beam_words(path: Path) -> bytes:
    """The strings and atoms of a compiled module of Erlang: chunks of a name, a length, and data padded to four bytes."""
    data, place, words = path.read_bytes(), 12, b""
    while place < len(data):
        name, (length,) = data[place : place + 4], struct.unpack(">I", data[place + 4 : place + 8])
        chunk = data[place + 8 : place + 8 + length]
        words += zlib.decompress(chunk[4:]) if name == b"LitT" else chunk if name in {b"StrT", b"AtU8"} else b""
        place += 8 + (length + 3) // 4 * 4
    return words


@cache
def module_words(program: str) -> dict[str, bytes]:
    """What each module of Prosody or ejabberd says, by its name in the source."""
    if program == "Prosody":
        root = Path("/usr/lib/prosody")
        return {str(path.relative_to(root)).replace("modules/", "plugins/"): path.read_bytes() for path in root.rglob("*.lua")}
    beams = [*Path("/usr/lib").glob("*/ejabberd-*/ebin/*.beam"), *Path("/usr/lib/erlang/lib").glob("p1_xmpp-*/ebin/xmpp_*.beam")]
    return {f"{path.stem}.erl": beam_words(path) for path in beams}


@pytest.mark.skipif(prosody.program() is None or ejabberd.libraries() is None, reason="both XMPP servers have to be installed")
@each("placed", rows.of("xmpp", "log"), ids=rows.named)
def test_the_words_of_a_row_stand_in_the_module_it_names_or_in_one_that_it_uses(placed: Entry) -> None:
    program, module = placed.row.source.split()
    modules = module_words(program)
    texts = [text for text in (placed.key, *placed.row.aliases) if text not in OTHER_VERSIONS]
    pieces = [piece.encode() for text in texts for piece in fixed(text, XMPP_JOINTS)]

    assert any(piece in modules[module] for piece in pieces)
    assert [piece for piece in pieces if not any(piece in words for words in modules.values())] == []


@pytest.mark.skipif(prosody.program() is None, reason="Prosody has to be installed")
def test_a_module_of_prosody_that_is_named_for_a_condition_has_it() -> None:
    every = [placed for placed in rows.of("xmpp")() if placed.section not in {"log", "older", "words"}]
    named = [(placed, re.search(r"Prosody (\S+\.lua)", placed.row.source)) for placed in every]
    found = {placed.key: placed.key.split()[-1].encode() in module_words("Prosody")[name[1]] for placed, name in named if name}

    assert len(found) > 5
    assert [key for key, has in found.items() if not has] == []
