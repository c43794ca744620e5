"""
Operators, accounts and users of NATS, as JWT: what expired and revoked credentials are made of.

What was needed:

* A JWT of NATS has the algorithm `ed25519-nkey`, names keys by their `nkeys` form, and carries its claims under `nats` with
  `version` 2 and a `type`. `jti` may be anything that is not empty.
* The server checks an account's limits if they are there, and takes a limit that is missing for 0: nothing allowed. -1 is none.
* The resolver can stay in memory: the accounts are preloaded from the configuration, and a reload brings a changed one,
  such as one that has revoked a user. The system account must be preloaded too. The operator's own JWT must stay the
  same, or the reload is refused.
* A user proves its key by signing the nonce of `INFO`, base64url without padding.
"""

from __future__ import annotations

import base64
import json
import os
import time
from typing import TYPE_CHECKING, Any

import nkeys

if TYPE_CHECKING:
    from pathlib import Path

UNLIMITED = {
    "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1,
}  # fmt: skip


class Key:
    """A key pair."""

    def __init__(self, prefix: int) -> None:
        self.seed: bytes = nkeys.encode_seed(os.urandom(32), prefix)
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.public = bytes(self._pair.public_key).decode()

    def sign(self, data: bytes) -> bytes:
        """Sign."""
        signature: bytes = self._pair.sign(data)
        return _base64(signature)

    def claim(self, subject: str, nats: dict[str, Any], name: str, expires: float | None = None) -> str:
        """Return a JWT that says something about a key."""
        now = int(time.time())
        claims: dict[str, Any] = {"jti": f"{name}-{now}", "iat": now, "iss": self.public, "name": name}
        claims |= {"sub": subject, "nats": nats}
        if expires is not None:
            claims["exp"] = int(expires)
        signed = b".".join(_base64(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, claims))
        return (signed + b"." + self.sign(signed)).decode()


class User:
    """A user's key and JWT."""

    def __init__(self, key: Key, jwt: str) -> None:
        self.key = key
        self.jwt = jwt

    def options(self, nonce: str) -> dict[str, str]:
        """Return what a raw `CONNECT` must say, given the nonce of `INFO`."""
        return {"jwt": self.jwt, "sig": self.key.sign(nonce.encode()).decode()}

    def write(self, path: Path) -> Path:
        """Write the file that clients know as credentials."""
        path.write_text(
            f"-----BEGIN NATS USER JWT-----\n{self.jwt}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{self.key.seed.decode()}\n------END USER NKEY SEED------\n",
            "utf-8",
        )
        return path


class Account:
    """An account that an operator vouches for."""

    def __init__(self, operator: Operator, name: str, **limits: object) -> None:
        self.key = Key(nkeys.PREFIX_BYTE_ACCOUNT)
        self.revoked: dict[str, int] = {}
        self._operator = operator
        self._name = name
        self._limits = {**UNLIMITED, **limits}

    @property
    def jwt(self) -> str:
        """What the server knows of the account now."""
        claim = {"type": "account", "version": 2, "limits": self._limits, "revocations": self.revoked}
        return self._operator.key.claim(self.key.public, claim, self._name)

    def user(self, name: str = "user", expires: float | None = None, **claims: object) -> User:
        """Make a user; `expires` is a time as `time.time` gives it, and `claims` may hold `pub`, `sub` and limits."""
        key = Key(nkeys.PREFIX_BYTE_USER)
        return User(key, self.key.claim(key.public, {"type": "user", "version": 2, **UNLIMITED, **claims}, name, expires))

    def revoke(self, user: User) -> None:
        """Take a user's credentials back; a reload with the operator's new configuration makes it known."""
        self.revoked[user.key.public] = int(time.time()) + 1


class Operator:
    """An operator with a system account."""

    def __init__(self) -> None:
        self.key = Key(nkeys.PREFIX_BYTE_OPERATOR)
        self._accounts: list[Account] = []
        self.system = self.account("SYS")
        claim = {"type": "operator", "version": 2, "system_account": self.system.key.public}
        self.jwt = self.key.claim(self.key.public, claim, "operator")

    def account(self, name: str, **limits: object) -> Account:
        """Make an account; limits are none unless given, `conn=1`."""
        account = Account(self, name, **limits)
        self._accounts.append(account)
        return account

    def config(self) -> dict[str, Any]:
        """Return the part of a server's configuration that trusts this operator and knows its accounts."""
        return {
            "operator": self.jwt,
            "system_account": self.system.key.public,
            "resolver": "MEMORY",
            "resolver_preload": {account.key.public: account.jwt for account in self._accounts},
        }


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
