"""
Record the errors of real servers and clients: `make capture`.

A scenario is a small generator that makes a running server, or a client library, produce one error, and yields what it observed.
It is registered with the name of that error. The recorder runs the scenarios on each installed server, replaces the parts that
differ between runs, and compares the result with the vectors in `tests/data/vectors`: new, missing and changed vectors.

* `recording`  scenarios, their observations, and how an observation becomes a vector
* `running`    start the servers, and run the scenarios with a time limit
* `vectors`    read, write and compare vectors
* `scenarios`  the scenarios, one module for each subject

`python -m tests.capture --write` writes the vectors. Without `--write` it prints the differences and changes nothing.
"""
