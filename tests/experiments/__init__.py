"""
Experiments: observe what happens after an error.

`recovery` and `effect` are claims about the future, so the experiments make it happen. A `Situation` provokes a fault on a real
server. `experiment.carry_out` checks whether the operation took effect, and repeats it: at once, after some time, after the load
or topology is normal again, and after each possible recovery step. The results are in `tests/data/experiments`, one file for each
server and version, and `tests/experiments/test_behaviour.py` compares the tables with them.

`make experiments` runs all experiments; `make experiments WRITE=1` also writes the files.
"""
