"""
Clients in other languages, made to fail against real servers; what they print is kept as vectors.

`python -m tests.clients` builds each client whose toolchain this machine has, runs it in each situation, and compares what it
printed with the vectors in `tests/data/clients`: what is new, gone or changed. `--write` writes them. Nothing of it runs in
`make test`, which only replays the vectors.

* `go`, `node`, `java`, `rust`, `c`, `debian`  programs that fail on purpose, a folder a runtime; versions are pinned there
* `runtimes`    which toolchains are here, and how a client is built; all output goes to a cache outside the repository
* `stations`    servers as the situations need them
* `situations`  what goes wrong, and the right answer
* `relay`       a TCP relay that delays or drops what goes through it
* `running`     run a client in a situation and collect what it prints
* `printed`     cut out what differs between two runs
* `vectors`     read, write, compare
"""
