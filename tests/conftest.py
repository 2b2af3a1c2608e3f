"""Gives the libraries' threads the same settings as in the worker.

The settings are environment variables that numpy and torch read when they are imported. pytest loads this file first.
"""

from core.runtime.processes import let_threads_sleep

let_threads_sleep()
