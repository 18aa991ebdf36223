# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, in words that say what to do."""
from .generated import HINTS
from .words import sentence


class SiderError(Exception):
    """A failure with a name (as in docs/protocol.md, or one of this add-on's own) and a hint what to do."""

    def __init__(self, name, message, hint=""):
        super().__init__(message)
        self.name = name
        self.message = message
        self.hint = hint

    def __str__(self):
        text = sentence(self.message)
        return f"{text}. {self.hint}".strip() if self.hint else text

    @classmethod
    def from_wire(cls, error):
        """Of an error in an answer (JSON-RPC: hints in `data`) or in job/state (hints beside the message)."""
        data = error.get("data") or error
        name = data.get("name", "INTERNAL")
        hint = data.get("hints", {}).get("blender") or HINTS.get(name, "")
        return cls(name, error.get("message", "the engine failed"), hint)


class ConnectionLost(Exception):
    """The connection broke or could not be made; it is worth trying again."""
