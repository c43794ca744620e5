"""
Run ejabberd, as Debian's package installs it.

Facts about ejabberd that this module relies on:

* `ejabberdctl` runs only as root or as the user `ejabberd`, changes to that user, and reads /etc. Tests do not need this: this
  module starts the Erlang virtual machine as the script does, with the paths in the environment.
* Without a node name, the virtual machine is not distributed: it uses no epmd, no cookie, and no ports besides the configured
  ones. Mnesia works, if its directory is always used without a node name.
* `ejabberdctl` cannot reach such a node. Commands go to `mod_http_api`, which the configuration opens only to loopback.
* The configuration is YAML, which includes JSON, so a test passes a mapping. Its options of `listen` and `modules` replace the
  ones below individually.
* SIGTERM shuts ejabberd down cleanly, with `system-shutdown` to its clients.
* `erl_child_setup` ends by itself after the virtual machine. If the first process of a container does not collect its children,
  `ps` shows it as defunct, but nothing runs.
"""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.servers.ports import HOST, reserve
from tests.servers.process import PATH, Server, ServerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.servers.certificates import Certificates


MODULES = ("admin_extra", "bosh", "disco", "muc", "ping", "pubsub", "roster", "stream_mgmt")


def libraries() -> Path | None:
    """Return the folder that holds ejabberd's Erlang code, or `None` where it is not installed."""
    found = sorted(Path("/usr/lib").glob("*/ejabberd-*/ebin/ejabberd.app"))
    return found[-1].parents[2] if found and shutil.which("erl", path=PATH) else None


class EjabberdServer(Server):
    """
    An ejabberd that serves `localhost`.

    Attributes:
        port: The port for clients.

        http: The port for BOSH (`/bosh`), WebSocket (`/ws`) and commands (`/api`).

        component: The port for components; their password is `secret`.
    """

    name = "ejabberd"

    def __init__(
        self,
        directory: Path,
        config: Mapping[str, Any] | None = None,
        *,
        c2s: Mapping[str, Any] | None = None,
        users: Mapping[str, str] | None = None,
        tls: Certificates | None = None,
    ) -> None:
        """
        Store what to start.

        Args:
            directory: The directory for its files.
            config: Top-level options. `modules` is added to the modules that are always on; other options replace the defaults.
            c2s: Options of the listener for clients, for example `{"max_stanza_size": 10_000}`.
            users: Passwords by user on `localhost`.
            tls: Certificates. With them, clients may use STARTTLS, and must with `c2s={"starttls_required": True}`.
        """
        super().__init__(directory)
        self.http = reserve(self)
        self.component = reserve(self)
        self._config = dict(config or {})
        self._c2s = dict(c2s or {})
        self._users = dict(users or {})
        self._tls = tls

    def _listeners(self) -> list[dict[str, Any]]:
        handlers = {"/api": "mod_http_api", "/bosh": "mod_bosh", "/ws": "ejabberd_http_ws"}
        clients: dict[str, Any] = {"port": self.port, "module": "ejabberd_c2s", "access": "everyone", "shaper": "none"}
        clients |= {"starttls": True} if self._tls else {}
        return [
            {"ip": HOST, **clients, **self._c2s},
            {"ip": HOST, "port": self.http, "module": "ejabberd_http", "request_handlers": handlers},
            {"ip": HOST, "port": self.component, "module": "ejabberd_service", "access": "everyone", "password": "secret"},
        ]

    def _document(self) -> dict[str, Any]:
        modules: dict[str, Any] = {f"mod_{name}": {} for name in MODULES}
        return {
            "hosts": ["localhost"],
            "loglevel": "debug",
            "auth_method": "internal",
            "auth_password_format": "plain",
            "listen": self._listeners(),
            "acl": {"loopback": {"ip": ["127.0.0.0/8"]}},
            "access_rules": {"everyone": ["allow"]},
            "api_permissions": {"loopback": {"who": [{"ip": "127.0.0.0/8"}], "what": ["*"]}},
            **({"certfiles": [str(self._tls.both)]} if self._tls else {}),
            **self._config,
            "modules": {**modules, **self._config.get("modules", {})},
        }

    def prepare(self) -> None:
        """Write the configuration."""
        (self.directory / "ejabberd.yml").write_text(json.dumps(self._document(), indent=1), "utf-8")

    def command(self) -> list[str]:
        """Return the Erlang virtual machine and its arguments: two schedulers at most, and a low limit of processes."""
        machine = ["erl", "+S", "2:2", "+P", "20000", "+Q", "4096", "-noinput"]
        return [*machine, "-mnesia", "dir", json.dumps(str(self.directory / "spool")), "-s", "ejabberd"]

    def environment(self) -> Mapping[str, str]:
        """Return the paths of the code, the configuration and the logs, as environment variables."""
        return {
            "ERL_LIBS": str(libraries()),
            "EJABBERD_CONFIG_PATH": str(self.directory / "ejabberd.yml"),
            "EJABBERD_LOG_PATH": str(self.log_path),
            "ERL_CRASH_DUMP": str(self.directory / "crash"),
            "ERL_MAX_PORTS": "4096",
            "HOME": str(self.directory),
        }

    def ports(self) -> tuple[int, ...]:
        """Return the three ports that must answer."""
        return (self.port, self.http, self.component)

    def settle(self) -> None:
        """Create the users, once."""
        known = self.call("registered_users", host="localhost")
        for user, password in self._users.items():
            if user not in known:
                self.call("register", user=user, host="localhost", password=password)

    def call(self, command: str, **arguments: object) -> Any:
        """Run a command of an administrator, `call("kick_user", user="alice", host="localhost")`, and return the answer."""
        request = urllib.request.Request(
            f"http://{HOST}:{self.http}/api/{command}",
            json.dumps(arguments).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - our own server
                return json.load(response)
        except urllib.error.HTTPError as error:
            message = f"{command}: {error.code} {error.read().decode('utf-8', 'replace')}"
            raise ServerError(message) from None

    def reload(self, config: Mapping[str, Any]) -> None:
        """Reload the server with other options."""
        self._config = dict(config)
        self.prepare()
        self.call("reload_config")
