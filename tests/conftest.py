"""For all tests: the libraries' threads behave as in the worker. Loaded before anything imports numpy or torch."""

from core.runtime.processes import let_threads_sleep

let_threads_sleep()
