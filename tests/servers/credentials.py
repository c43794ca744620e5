"""
Create operators, accounts and users of NATS as JWT, for tests with expired and revoked credentials.

Facts about NATS that this module relies on:

* A JWT of NATS has the algorithm `ed25519-nkey`, writes keys in the `nkeys` form, and has its claims under `nats` with
  `version` 2 and a `type`. `jti` may be any text that is not empty.
* The server checks the limits of an account if there are any, and treats a missing limit as 0 (nothing is allowed). -1 means no
  limit.
* The resolver can be in memory: the server preloads the accounts from its configuration, and a reload replaces a changed account,
  for example one that has revoked a user. The system account must be preloaded too. The JWT of the operator must not change;
  otherwise the server refuses the reload.
* A user proves its key by signing the nonce of `INFO`, in base64url without padding.
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
        """Return a JWT with claims about a key."""
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
        """Return the options for a raw `CONNECT` that answers the nonce of `INFO`."""
        return {"jwt": self.jwt, "sig": self.key.sign(nonce.encode()).decode()}

    def write(self, path: Path) -> Path:
        """Write a credentials file (`.creds`) for clients."""
        path.write_text(
            f"-----BEGIN NATS USER JWT-----\n{self.jwt}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{self.key.seed.decode()}\n------END USER NKEY SEED------\n",
            "utf-8",
        )
        return path


class Account:
    """An account that an operator signs."""

    def __init__(self, operator: Operator, name: str, **limits: object) -> None:
        self.key = Key(nkeys.PREFIX_BYTE_ACCOUNT)
        self.revoked: dict[str, int] = {}
        self._operator = operator
        self._name = name
        self._limits = {**UNLIMITED, **limits}

    @property
    def jwt(self) -> str:
        """The current JWT of the account."""
        claim = {"type": "account", "version": 2, "limits": self._limits, "revocations": self.revoked}
        return self._operator.key.claim(self.key.public, claim, self._name)

    def user(self, name: str = "user", expires: float | None = None, **claims: object) -> User:
        """Create a user; `expires` is a Unix time in seconds, and `claims` may contain `pub`, `sub` and limits."""
        key = Key(nkeys.PREFIX_BYTE_USER)
        return User(key, self.key.claim(key.public, {"type": "user", "version": 2, **UNLIMITED, **claims}, name, expires))

    def revoke(self, user: User) -> None:
        """Revoke a user's credentials. A reload with the operator's new configuration passes this on to the server."""
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
        """Create an account, without limits except those given, for example `conn=1`."""
        account = Account(self, name, **limits)
        self._accounts.append(account)
        return account

    def config(self) -> dict[str, Any]:
        """Return the part of a server's configuration with this operator and its accounts."""
        return {
            "operator": self.jwt,
            "system_account": self.system.key.public,
            "resolver": "MEMORY",
            "resolver_preload": {account.key.public: account.jwt for account in self._accounts},
        }


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
