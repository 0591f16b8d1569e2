"""Timings, run by `make bench`: every module here with a `rows` function, as tables of ratios within one run."""
