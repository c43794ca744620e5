"""The clients: the toolchain of each, the file that pins its version, and how to build it outside the repository."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".venv" / "clients"
BUILD_TIME = 1800
"""The time limit of one build, in seconds."""

Command = tuple[str, ...]


@dataclass(frozen=True)
class Client:
    """
    A client library, or a command-line tool.

    Attributes:
        name: The usual name of the client.

        protocol: `nats` or `xmpp`.

        folder: The folder of its programs, below this folder.

        package: Its name in the file that pins its version.

        tools: The programs that must be installed.

        build: Builds the client in a folder, and returns the command; the operation is appended to it.

        argument: An argument of the command before the operation.
    """

    name: str
    protocol: str
    folder: str
    package: str
    tools: tuple[str, ...]
    build: Callable[[Client, Path], Command]
    argument: str = ""

    @property
    def source(self) -> Path:
        """The folder of its programs."""
        return HERE / self.folder

    @property
    def runtime(self) -> str:
        """The programming language, or the Linux distribution of the package."""
        return self.folder.partition("/")[0]

    def missing(self) -> list[str]:
        """Return the tools that are not installed."""
        return [tool for tool in self.tools if shutil.which(tool) is None]

    def version(self) -> str:
        """Return the pinned version."""
        return _pinned(self.source)[self.package]


def _pinned(source: Path) -> dict[str, str]:
    """Return the versions that a folder pins, by package, from the file of its toolchain."""
    if (path := source / "go.mod").exists():
        return {
            name: version.removeprefix("v")
            for name, version in re.findall(r"^(?:require )?\s*(\S+/\S+) (v\S+)", path.read_text(), re.MULTILINE)
        }
    if (path := source / "package.json").exists():
        return dict(json.loads(path.read_text())["dependencies"])
    if (path := source / "dependencies.txt").exists():
        return {line.rpartition(":")[0]: line.rpartition(":")[2] for line in path.read_text().split()}
    cargo = tomllib.loads((source / "Cargo.toml").read_text())
    return {
        name: (told if isinstance(told, str) else told["version"]).removeprefix("=")
        for name, told in cargo["dependencies"].items()
    }


def _run(command: list[str], folder: Path) -> None:
    niced = ["nice", "-n", "10", *command]
    try:
        done = subprocess.run(niced, cwd=folder, capture_output=True, text=True, timeout=BUILD_TIME, check=False)
    except subprocess.TimeoutExpired as late:
        raise BuildError(str(late)) from late
    if done.returncode:
        message = f"{' '.join(command)}: {done.stderr[-2000:]}{done.stdout[-2000:]}"
        raise BuildError(message)


class BuildError(Exception):
    """A build failed. The message contains the end of the toolchain's output."""


def _copied(client: Client, cache: Path) -> Path:
    """Copy the sources of a client to the cache, where build tools may write files, and return that folder."""
    folder = cache / client.folder
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(client.source, folder, dirs_exist_ok=True)
    return folder


def build_go(client: Client, cache: Path) -> Command:
    """Build a program of this repository with a Go module."""
    folder = _copied(client, cache)
    program = folder / "program"
    _run(["go", "build", "-mod=mod", "-o", str(program), "."], folder)
    return (str(program),)


def build_go_tool(client: Client, cache: Path) -> Command:
    """Build a command-line tool from its module."""
    folder = _copied(client, cache)
    program = folder / "bin" / client.argument.rpartition("/")[2]
    program.parent.mkdir(exist_ok=True)
    _run(["go", "build", "-mod=mod", "-o", str(program), f"{client.package}{client.argument}"], folder)
    return _as_tool(client, program)


def _as_tool(client: Client, program: Path | str) -> Command:
    return (sys.executable, "-m", "tests.clients.commands", str(client.source / "operations.toml"), str(program))


def build_node(client: Client, cache: Path) -> Command:
    """Install the packages, without running their scripts and without a lock file."""
    folder = _copied(client, cache)
    _run(["npm", "install", "--no-package-lock", "--ignore-scripts", "--silent"], folder)
    script, _, argument = client.argument.partition(" ")
    return ("node", str(folder / script), *argument.split())


def build_java(client: Client, cache: Path) -> Command:
    """Fetch the dependencies, and compile."""
    folder = _copied(client, cache)
    parts = [line.split(":") for line in (folder / "dependencies.txt").read_text().split()]
    dependency = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
    project = "<modelVersion>4.0.0</modelVersion><groupId>errnorm</groupId><artifactId>clients</artifactId><version>1</version>"
    dependencies = "".join(dependency.format(*part) for part in parts)
    (folder / "pom.xml").write_text(f"<project>{project}<dependencies>{dependencies}</dependencies></project>")
    _run(["mvn", "-q", "-B", "dependency:build-classpath", "-Dmdep.outputFile=classpath"], folder)
    path = f"{folder / 'classes'}:{(folder / 'classpath').read_text().strip()}"
    _run(["javac", "-d", "classes", "-cp", path, *(each.name for each in folder.glob("*.java"))], folder)
    return ("java", "-cp", path, client.argument)


def build_c(client: Client, cache: Path) -> Command:
    """Compile against the library of the system's package, which must have the pinned version."""
    _copied(client, cache)
    shutil.copy(client.source.parent / "printing.h", cache / client.folder / "..")
    require_package(client)
    program = cache / client.folder / "program"
    _run(["gcc", "-o", str(program), "main.c", f"-l{client.argument}"], cache / client.folder)
    return (str(program),)


def take_tool(client: Client, _: Path) -> Command:
    """Use a command-line tool of the system's package, which must have the pinned version."""
    require_package(client)
    return _as_tool(client, client.name)


def require_package(client: Client) -> None:
    """
    Check that the system has the pinned version of a package.

    Raises:
        BuildError: If the package is not installed, or has another version.
    """
    query = ["dpkg-query", "-W", "-f=${Version}", client.package]
    found = subprocess.run(query, capture_output=True, text=True, check=False, timeout=10).stdout
    if not found.startswith(client.version()):
        message = f"the package {client.package} is {found or 'not installed'}, and {client.version()} is wanted"
        raise BuildError(message)


def build_rust(client: Client, cache: Path) -> Command:
    """Build with cargo, with little data on disk."""
    folder = _copied(client, cache)
    _run(["cargo", "build", "--quiet", "--jobs", "1"], folder)
    return (str(folder / "target" / "debug" / client.argument),)


CLIENTS = (
    Client("nats.go", "nats", "go/nats", "github.com/nats-io/nats.go", ("go",), build_go),
    Client("async-nats", "nats", "rust/nats", "async-nats", ("cargo",), build_rust, "nats-fails"),
    Client("nats.c", "nats", "c/nats", "libnats-dev", ("gcc", "dpkg-query"), build_c, "nats"),
    Client("nats-cli", "nats", "go/natscli", "github.com/nats-io/natscli", ("go",), build_go_tool, "/nats"),
    Client("nats.js", "nats", "node", "nats", ("node", "npm"), build_node, "nats.mjs 2"),
    Client("nats.js", "nats", "node", "@nats-io/transport-node", ("node", "npm"), build_node, "nats.mjs 3"),
    Client("jnats", "nats", "java", "io.nats:jnats", ("mvn", "javac", "java"), build_java, "NatsFails"),
    Client("Smack", "xmpp", "java", "org.igniterealtime.smack:smack-tcp", ("mvn", "javac", "java"), build_java, "SmackFails"),
    Client("xmpp.js", "xmpp", "node", "@xmpp/client", ("node", "npm"), build_node, "xmpp.mjs"),
    Client("strophe.js", "xmpp", "node", "strophe.js", ("node", "npm"), build_node, "strophe.mjs"),
    Client("go-xmpp", "xmpp", "go/goxmpp", "github.com/xmppo/go-xmpp", ("go",), build_go),
    Client("mellium", "xmpp", "go/mellium", "mellium.im/xmpp", ("go",), build_go),
    Client("libstrophe", "xmpp", "c/strophe", "libstrophe-dev", ("gcc", "dpkg-query"), build_c, "strophe"),
    Client("sendxmpp", "xmpp", "debian/sendxmpp", "sendxmpp", ("sendxmpp", "dpkg-query"), take_tool),
    Client("go-sendxmpp", "xmpp", "debian/go-sendxmpp", "go-sendxmpp", ("go-sendxmpp", "dpkg-query"), take_tool),
)
