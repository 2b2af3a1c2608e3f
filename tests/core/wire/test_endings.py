"""core.wire.endings: the line of a log that tells why a worker ended."""

from __future__ import annotations

import pytest

from core.wire.endings import last_words, why_it_ended

ABORTED = """\
Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
  File "/x/core/worker.py", line 245, in <module>
    os._exit(main())
             ^^^^^^
ModuleNotFoundError: No module named 'torch'
Fatal Python error: _enter_buffered_busy: could not acquire lock for <_io.BufferedReader name=5>
Python runtime state: finalizing (tstate=0x0000000000ba9c60)

Current thread 0x00007f1f2c9f0740 (most recent call first):
  <no Python frame>

Extension modules: numpy.core._multiarray_umath (total: 1)
"""
CRASHED = """\
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
Fatal Python error: Segmentation fault

Current thread 0x00007f1f2c9f0740 (most recent call first):
  File "/x/core/renderer/fields.py", line 30 in blur
  ...
"""


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (ABORTED, "ModuleNotFoundError: No module named 'torch'"),
        (CRASHED, "Fatal Python error: Segmentation fault"),
        ("Fatal Python error: Aborted\n\nCurrent thread 0x1 (…):\n  <no Python frame>", "Fatal Python error: Aborted"),
        ("/usr/bin/python: No module named core\n", "/usr/bin/python: No module named core"),
        ("ImportError: libc.so: cannot open\n\n\n", "ImportError: libc.so: cannot open"),
        ("SyntaxError: invalid syntax\nnoise at the end", "SyntaxError: invalid syntax"),
        ("just a word", "just a word"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_telling_line_is_found(log: str, words: str) -> None:
    assert last_words(log.splitlines()) == words


def test_exit_statuses_in_words() -> None:
    assert why_it_ended(3) == "exit status 3" and why_it_ended(-6) == "killed by SIGABRT"
    assert why_it_ended(-9).startswith("killed by SIGKILL; the system may be out of memory")
