"""
What real servers and clients say, recorded: `make capture`.

A scenario is a small generator that brings a running server, or a client library, to produce one error, and yields what it saw.
It is registered with the name of the error it is after. The recorder runs the scenarios on each server that is installed,
cuts out what changes between runs, and compares with the vectors in `tests/data/vectors`: what is new, gone or changed.

* `recording`  scenarios, what they see, and how it becomes a vector
* `running`    start the servers, run the scenarios, bounded in time
* `vectors`    read, write and compare
* `scenarios`  the scenarios, a module a subject

`python -m tests.capture --write` writes the vectors; without it the differences are printed and nothing is changed.
"""
