"""Requests to the worker: the running job, its progress, estimates, and the doctor's checks."""
