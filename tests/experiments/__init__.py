"""
Experiments: what happens next, after an error.

`recovery` and `effect` are claims about the future, so they are tested by making it happen. A `Situation` provokes a fault on a
real server; `experiment.carry_out` looks whether the operation took effect, repeats it at once, after time has passed, after load
or topology has healed, and after each step that somebody could take. What it saw stands in `tests/data/experiments`, one file for
each server and version, and `tests/mappings/test_behaviour.py` holds the tables to it.

`make experiments` carries all of them out; `make experiments WRITE=1` also writes the files.
"""
