"""A small protocol of our own: the core must not know any real one, so its tests do not either."""

from __future__ import annotations

import pytest

from errnorm.tables import Table, read

POST = """
protocol = "post"
version = "1.2.0"

[sections]
letter = { about = "what is stamped on a letter", ignore_case = true }
window = { about = "what the clerk says" }
mood   = { about = "how the clerk says it", decides = "later" }
detail = { about = "what is written beside the stamp" }

[params]
street = "subject"
number = "number"
words  = "text"

[letter]
"Return to Sender"                = { reason = "protocol.misaddressed", recovery = "modify",    terminal = false, effect = "not_applied", reach = "client wire", evidence = "provoked: office 3", source = "stamp.c:1", constant = "ErrReturn", aliases = ["unknown at this address"] }
'No Such Street "{street}"'       = { reason = "protocol.not_found",    recovery = "modify",    terminal = false, effect = "not_applied", reach = "client wire", evidence = "source", source = "stamp.c:2", code = "No Such Street" }
'No Such Street "{street}", Town' = { reason = "protocol.misaddressed", recovery = "modify",    terminal = false, effect = "not_applied", reach = "client wire", evidence = "source", source = "stamp.c:3", code = "No Such Town" }
"Too Heavy: {number} g"           = { reason = "limits.size",           recovery = "modify",    terminal = false, effect = "not_applied", reach = "client wire", evidence = "source", source = "stamp.c:4", code = "Too Heavy" }
"Office Burnt Down"               = { reason = "transport.lost",        recovery = "reconnect", terminal = true,  effect = "unknown",     reach = "client wire", evidence = "source", source = "stamp.c:5" }
"Queue Too Long"                  = { reason = "limits.rate",           recovery = "wait",      terminal = false, effect = "not_applied", reach = "client wire", evidence = "source", source = "stamp.c:6" }
"Forwarded"                       = { reason = "transport.remote",      recovery = "wait",      terminal = false, effect = "unknown",     reach = "client wire", evidence = "source", source = "stamp.c:7", wraps = true }

[window]
closed    = { reason = "shutdown.server",    recovery = "reconnect", terminal = true,  effect = "not_applied", reach = "client wire", evidence = "specification", source = "rules 1" }
crowded   = { reason = "limits.resources",   recovery = "wait",      terminal = false, effect = "not_applied", reach = "client wire", evidence = "specification", source = "rules 2" }
forbidden = { reason = "auth.forbidden",     recovery = "abandon",   terminal = false, effect = "not_applied", reach = "client wire", evidence = "specification", source = "rules 3" }
other     = { reason = "protocol.rejected",  recovery = "abandon",   terminal = false, effect = "not_applied", reach = "client wire", evidence = "specification", source = "rules 4", defers = true }

[mood]
later = { reason = "protocol.rejected", recovery = "wait",           terminal = false, effect = "not_applied", reach = "client wire", evidence = "specification", source = "rules 5" }
never = { reason = "protocol.rejected", recovery = "abandon",        terminal = false, effect = "not_applied", reach = "client wire", evidence = "specification", source = "rules 6" }
pass  = { reason = "auth.required",     recovery = "reauthenticate", terminal = false, effect = "not_applied", reach = "client wire", evidence = "specification", source = "rules 7" }

[detail]
oversize = { reason = "limits.size", recovery = "modify", terminal = false, effect = "not_applied", reach = "client wire", evidence = "specification", source = "rules 8" }
"""


@pytest.fixture
def post_text() -> str:
    """The table as TOML."""
    return POST


@pytest.fixture
def post() -> Table:
    """The table, loaded."""
    return Table([read(POST, "post.toml")])
