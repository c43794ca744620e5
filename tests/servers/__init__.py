"""
Real servers for tests: one module a server, each with the same few verbs.

A server is a context manager that runs in a directory of its own, on loopback, on ports that are reserved for it. It is
ready when the `with` block begins, and gone when it ends. In a test, take the fixtures `start_nats`, `start_prosody` and
`start_ejabberd` of `tests/conftest.py`: they skip the test where the server is not installed, and show the server's log
where the test fails. Fixtures of a wider scope use the classes themselves.

* `process`      start, wait until it answers, stop, kill, restart on the same port
* `ports`        ports that nobody else is given
* `wire`         a raw socket that remembers what it has read
* `certificates` a certificate authority that lives as long as the test
* `credentials`  operators, accounts and users of NATS, as JWT
* `nats`, `prosody`, `ejabberd`
"""
