"""
Run Prosody, as Debian's package installs it.

Facts about Prosody that this module relies on:

* `prosody -F` runs in the foreground with its own configuration. For root, the configuration must set `run_as_root`.
* By default every port service listens on all addresses. Each unused service gets an empty list of ports, and HTTP needs
  `http_interfaces` in addition to `interfaces`.
* `log` must name the console; otherwise the log goes to the file of the package. At level `debug` it contains all traffic.
* With `authentication = "internal_plain"` a user is one small Lua file. In its path, characters other than ASCII letters, digits
  and `_` are written as `%xx`.
* Commands of an administrator go through `prosodyctl shell` (0.12 and newer) and the socket of `admin_shell`. The path of a
  socket has at most 107 bytes, so the socket gets a short directory of its own.
* The directory `certificates` must exist, even if it is empty; otherwise each start logs a warning.
* When Prosody shuts down, it writes `system-shutdown` to every stream. One time in ten it exits before the data is on the wire; a
  client that is not logged in then sees only the close. A test that needs the text reads it in the log.
* Settings before the first `VirtualHost` are global. Prosody warns about an option that is set twice, and 0.12 fails in that
  warning if the path of the file is long. So a test's setting replaces the default line below.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.ports import reserve
from tests.servers.process import PATH, Server, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.servers.certificates import Certificates

MODULES = ("admin_shell", "disco", "pep", "ping", "posix", "roster", "saslauth", "smacks", "tls")

_GLOBAL = """
run_as_root = true
daemonize = false
pidfile = {pidfile}
data_path = {data}
admin_socket = {socket}
certificates = {certificates}
interfaces = {{ "127.0.0.1" }}
http_interfaces = {{ "127.0.0.1" }}
component_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
http_ports = {{ {http} }}
component_ports = {{ {component} }}
s2s_ports = {{}}
c2s_direct_tls_ports = {{}}
s2s_direct_tls_ports = {{}}
https_ports = {{}}
authentication = "internal_plain"
storage = "internal"
c2s_require_encryption = false
s2s_require_encryption = false
allow_unencrypted_plain_auth = true
log = {{ {{ levels = {{ min = "debug" }}, to = "console" }} }}
modules_enabled = {{ {modules} }}
"""


def program() -> Path | None:
    """Return the program; `None` if Prosody is not installed."""
    found = shutil.which("prosody", path=PATH)
    return Path(found) if found and shutil.which("prosodyctl", path=PATH) else None


class ProsodyServer(Server):
    """
    A Prosody that serves `localhost`.

    Attributes:
        port: The port for clients.

        http: The port for BOSH (`/http-bind`) and WebSocket (`/xmpp-websocket`), if their modules are on.

        component: The port for components.
    """

    name = "prosody"

    def __init__(
        self,
        directory: Path,
        *,
        settings: str = "",
        hosts: str = "",
        modules: Iterable[str] = (),
        users: Mapping[str, str] | None = None,
        tls: Certificates | None = None,
    ) -> None:
        """
        Store what to start.

        Args:
            directory: The directory for its files.
            settings: Global settings in Lua, for example `"c2s_timeout = 1"`.
            hosts: The configuration after the virtual host `localhost`, for example `'Component "rooms.localhost" "muc"'`.
            modules: Modules to switch on in addition to those that are always on.
            users: Passwords by user on `localhost`.
            tls: Certificates. With them, clients may use STARTTLS, and must if the settings require it.
        """
        super().__init__(directory)
        self.http = reserve(self)
        self.component = reserve(self)
        self._settings = settings
        self._hosts = hosts
        self._modules = (*MODULES, *modules)
        self._users = dict(users or {})
        self._tls = tls
        self._short = Path(tempfile.mkdtemp(prefix="prosody"))
        for folder in ("data", "certs"):
            (directory / folder).mkdir(exist_ok=True)
        for user, password in self._users.items():
            self._write_user(user, password)

    def _write_user(self, user: str, password: str) -> None:
        accounts = self.directory / "data" / "localhost" / "accounts"
        accounts.mkdir(parents=True, exist_ok=True)
        (accounts / f"{_stored(user)}.dat").write_text(f'return {{ ["password"] = {json.dumps(password)} }};\n', "utf-8")

    def prepare(self) -> None:
        """Write the configuration."""
        text = _GLOBAL.format(
            pidfile=json.dumps(str(self.directory / "prosody.pid")),
            data=json.dumps(str(self.directory / "data")),
            socket=json.dumps(str(self._short / "admin")),
            certificates=json.dumps(str(self.directory / "certs")),
            port=self.port,
            http=self.http,
            component=self.component,
            modules=", ".join(json.dumps(name) for name in self._modules),
        )
        if self._tls:
            key, certificate = json.dumps(str(self._tls.key)), json.dumps(str(self._tls.certificate))
            text += f"ssl = {{ key = {key}, certificate = {certificate} }}\n"
        ours = set(re.findall(r"^\s*(\w+)\s*=", self._settings, re.MULTILINE))
        text = "\n".join(line for line in text.splitlines() if line.partition(" ")[0] not in ours)
        text += f'\n{self._settings}\nVirtualHost "localhost"\n{self._hosts}\n'
        (self.directory / "prosody.cfg.lua").write_text(text, "utf-8")

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        return [str(program()), "--config", str(self.directory / "prosody.cfg.lua"), "-F"]

    def ports(self) -> tuple[int, ...]:
        """Return the ports that must answer. The port of HTTP is open only if a module uses it."""
        return (self.port, self.http) if {"bosh", "websocket"} & set(self._modules) else (self.port,)

    def shell(self, command: str) -> str:
        """Run a command of an administrator, `'user:delete("alice@localhost")'`, and return the answer."""
        config = str(self.directory / "prosody.cfg.lua")
        done = subprocess.run(
            [str(shutil.which("prosodyctl", path=PATH)), "--config", config, "shell", command],
            env={"PATH": PATH, "HOME": str(self.directory)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode or "OK:" not in done.stdout:
            message = f"{command}: {done.stdout}{done.stderr}"
            raise ServerError(message)
        return done.stdout

    def reload(self, settings: str) -> None:
        """Reload the server with other global settings. Settings that Prosody reads only at its start do not change."""
        self._settings = settings
        self.prepare()
        self.shell("config:reload()")

    def stop(self, seconds: float = 10.0) -> None:
        """Stop the server, then remove the directory of the socket."""
        super().stop(seconds)
        for left in self._short.glob("*"):
            left.unlink()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        shutil.rmtree(self._short, ignore_errors=True)


def _stored(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", lambda found: "".join(f"%{byte:02x}" for byte in found[0].encode()), name)
