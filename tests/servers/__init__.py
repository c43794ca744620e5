"""
Real servers for tests: one module for each server, all with the same few methods.

A server is a context manager. It runs in a directory of its own, on loopback, on reserved ports. It is ready when the `with`
block begins, and stopped when the block ends. Tests use the fixtures `start_nats`, `start_prosody` and `start_ejabberd` of
`tests/conftest.py`: these skip the test if the server is not installed, and print the server's log if the test fails. Fixtures
with a wider scope use the classes directly.

* `process`      start a server, wait until it answers, stop, kill, or restart it on the same port
* `ports`        ports that no other process gets
* `wire`         a raw socket that keeps all data that it has read
* `certificates` a certificate authority that exists as long as the test
* `credentials`  operators, accounts and users of NATS, as JWT
* `nats`, `prosody`, `ejabberd`
"""
