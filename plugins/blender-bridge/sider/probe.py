# SPDX-License-Identifier: GPL-3.0-or-later
"""A look whether the engine can be used: on a thread of its own, as a server may take its time to answer or to start."""
import threading
import time

import bpy

from . import compat, session
from .core.errors import ConnectionLost, SiderError
from .core.local import absent
from .core.numbers import np

TICK_SECONDS = 0.2
current = None
"""The newest look."""


class Probe:
    """`words` and `error` for people once `done`."""

    def __init__(self, settings):
        self.words, self.error, self.done = "Looking for the engine ...", None, False
        self._settings = settings
        self._thread = threading.Thread(target=self._run, name="sider probe", daemon=True)
        self._thread.start()

    def join(self):
        self._thread.join()

    def _run(self):
        from .core.connection import reach

        endpoint, start = self._settings
        try:
            np()
            before = time.monotonic()
            try:
                connection = reach(endpoint, session.CLIENT, start, self._starting)
            except ConnectionLost:
                raise absent(endpoint().url, start is not None) from None
            server = connection.session["server"]
            connection.close()
            name = f"{server['name']} {server.get('version', '')}".strip()
            self.words = f"It works: {name} at {endpoint().url} answers in {round(1000 * (time.monotonic() - before))} ms."
        except SiderError as error:
            self.error = error
        except Exception as error:  # a fault must not leave people waiting
            self.error = SiderError("BRIDGE", f"the add-on failed: {error!r}", "Please report it.")
        self.done = True

    def _starting(self):
        self.words = "Starting the engine ..."


def begin(start=False):
    """@param start: start an engine if none answers, whatever the preferences say. Raises SiderError if the settings are wrong."""
    global current
    current = Probe(session.reaching(compat.preferences(), start))
    if bpy.app.background:
        current.join()
    elif not bpy.app.timers.is_registered(_timer):
        bpy.app.timers.register(_timer, first_interval=TICK_SECONDS, persistent=True)
    return current


def forget():
    """What was seen is of other settings."""
    global current
    if current is not None and current.done:
        current = None


def _timer():
    session.redraw()
    return TICK_SECONDS if current is not None and not current.done else None
