"""Statements about distillation and markets, each put to a test that it can fail. One claim a module.

claim        what a claim is: sentence, criterion, experiments, measurements, controls
experiment   a simulated part: markets side by side under drawn assumptions, scored by draw
measurement  a measured part: cells of shipped tables, each with its interval
verdict      the rules from scores and cells to supported, not supported or inconclusive
registry     the eleven claims, in order
run          a claim run and written to a folder

The criteria were written before any run; the history of these files shows it.
"""
