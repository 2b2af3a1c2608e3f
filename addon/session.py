"""The state that the add-on keeps while it is enabled: one `Session`, begun by `register` and ended by `unregister`.

A session holds parts. Each part is a small dataclass that is defined in the module that uses it, and that module asks
for its part by type: ``session().part(WorkerState)``. So a second `register` starts with nothing of the first.
"""

from __future__ import annotations

from typing import TypeVar, cast

Part = TypeVar("Part")


class Session:
    """Parts by type. A part is made, without arguments, when it is asked for the first time."""

    def __init__(self) -> None:
        self._parts: dict[type, object] = {}

    def part(self, kind: type[Part]) -> Part:
        """The only object of this type in the session."""
        if kind not in self._parts:
            self._parts[kind] = kind()
        return cast("Part", self._parts[kind])

    def replace(self, part: object) -> None:
        """Take ``part`` for the only object of its type from now on."""
        self._parts[type(part)] = part


_current: Session | None = None


def session() -> Session:
    """The session that runs. Raises RuntimeError while the add-on is not registered."""
    if _current is None:
        raise RuntimeError("Soliloquy is not registered: there is no session. Call register() first")
    return _current


def begin() -> None:
    """Start a session without any parts; one that was left behind by a `register` that failed is dropped."""
    global _current
    _current = Session()


def end() -> None:
    """Drop the session and its parts."""
    global _current
    _current = None
