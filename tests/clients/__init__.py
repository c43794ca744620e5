"""
Run clients in other languages against real servers, let them fail, and store their output as vectors.

`python -m tests.clients` builds each client whose toolchain is installed, runs it in each situation, and compares its output with
the vectors in `tests/data/clients`: new, missing and changed vectors. `--write` writes them. `make test` does not run these
clients; it only replays the vectors.

* `go`, `node`, `java`, `rust`, `c`, `debian`  programs that fail on purpose, one folder for each runtime, with pinned versions
* `runtimes`    the installed toolchains, and how to build a client; all output goes to a cache outside the repository
* `stations`    servers that are configured for the situations
* `situations`  the faults, and the right answers
* `relay`       a TCP relay that delays or drops data
* `running`     run a client in a situation and collect its output
* `printed`     replace the parts of the output that differ between runs
* `vectors`     read, write and compare vectors
"""
