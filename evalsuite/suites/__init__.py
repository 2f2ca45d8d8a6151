"""The suites: tasks that we author, written by code from seeds, and the files lm-eval reads."""
