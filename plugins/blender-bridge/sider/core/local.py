# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine on this machine: where it listens, its token, and how to start it."""
import ipaddress
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from .errors import SiderError

DEFAULT_PORT = 7437
DEFAULT_URL = f"ws://127.0.0.1:{DEFAULT_PORT}/"


@dataclass
class Endpoint:
    url: str
    token: str
    guessed: bool = False
    """Nobody has named it: another's server may listen there."""


def data_folder():
    """Where `sider serve` keeps its data unless told otherwise."""
    base = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(base, "sider")


def is_loopback(url):
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find(url="", token="", online=True):
    """
    Where to connect, and with which token. What is not given is found: a running `sider serve` says in server.json of its
    data folder where it listens and which token file it uses. Raises SiderError if that cannot be.
    """
    found = _discovered()
    address, own_token = _parse(url.strip() or found.get("url") or DEFAULT_URL)
    parts = urlsplit(address)
    token = token.strip() or own_token
    local = is_loopback(address)
    if not local and not online:
        raise SiderError(
            "OFFLINE",
            f"Blender is set to work offline, and {parts.hostname} is another machine",
            "Switch on Preferences > System > Network > Allow Online Access, or use an engine on this machine.",
        )
    if token:
        return Endpoint(address, token)
    if not local:
        raise SiderError(
            "UNAUTHORISED",
            f"the server on {parts.hostname} needs a token",
            "Enter it in the add-on's preferences; the server's administrator has it (`sider serve` says where its file is).",
        )
    file = found.get("tokenFile") or os.path.join(data_folder(), "token")
    return Endpoint(address, _read_token(file), guessed=not url.strip())


def _parse(url):
    """
    (address, token or '') of what somebody has entered: in letters of any size, with or without ws://, or the address of the server's
    page as the server prints it, which has the token. Raises SiderError.
    """
    text = url if "://" in url else f"ws://{url}"
    try:
        parts = urlsplit(text)
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)  # small letters already
        fine = scheme in ("ws", "wss") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:  # brackets that do not match, a port that is no number
        fine = False
    if not fine:
        raise SiderError("URL", f"'{url}' is no server's address", "It looks like ws://127.0.0.1:7437/ or wss://host:7437/.")
    token = parse_qs(parts.fragment).get("token", [""])[0]
    return parts._replace(scheme=scheme, fragment="").geturl(), token


def _discovered():
    try:
        with open(os.path.join(data_folder(), "server.json"), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def _read_token(file):
    """The first token of a file of lines 'name token'; '' if there is none yet: no server has been started."""
    try:
        with open(file, encoding="utf-8") as lines:
            return next((line.split()[-1] for line in lines if line.strip()), "")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SiderError("TOKEN", f"cannot read the token file {file}", str(error)) from error


def _is_free(port):
    """Whether this machine's server may listen there."""
    with socket.socket() as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of one that has ended do not matter
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def absent(url, startable):
    """The error for a server that does not answer."""
    if not is_loopback(url):
        return SiderError("NO_REMOTE_SERVER", f"no engine answers at {url}", "Check the address in the add-on's preferences.")
    how = "Start it with `sider serve` in a terminal"
    more = "" if startable else ", or switch on 'Start the engine by itself' in the add-on's preferences"
    return SiderError("NO_SERVER", f"no engine answers at {url}", f"{how}{more}.")


def engine_command(command=""):
    """The words of the command that starts the engine. Raises SiderError if there is none on this machine."""
    words = shlex.split(command, posix=os.name != "nt") if command.strip() else ["sider"]
    program = shutil.which(os.path.expanduser(words[0]))
    if program is None:
        raise SiderError(
            "NO_ENGINE",
            f"the engine's command '{words[0]}' was not found",
            "Enter it in the add-on's preferences, such as: node /path/to/sider/dist/cli.js. Is the engine not installed yet? Its package is "
            "called sider-face: npm install -g --ignore-scripts ./sider-face-<version>.tgz (the release's file; `sider` on npm is somebody "
            "else's).",
        )
    return [program, *words[1:]]


class LocalEngine:
    """An engine that this add-on started. It outlives Blender, so that its jobs do: the next session finds it again."""

    def __init__(self):
        self.process = None

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def start(self, command="", seconds=20):
        """
        Starts `sider serve` unless it runs, on a free port if another program has the usual one, and waits until it listens.
        Raises SiderError.
        """
        if self.running:
            return
        log = os.path.join(data_folder(), "serve.log")
        os.makedirs(data_folder(), mode=0o700, exist_ok=True)
        words = [*engine_command(command), "serve", *([] if _is_free(DEFAULT_PORT) else ["--port", "0"])]
        detached = {"creationflags": 0x00000208} if sys.platform == "win32" else {"start_new_session": True}
        before = _discovered()
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **detached
            )
        until = time.monotonic() + seconds
        while _discovered() in (before, {}):  # not by the process' number: the command may be a script that starts another
            if not self.running or time.monotonic() > until:
                raise SiderError("NO_ENGINE", f"the engine could not be started ({shlex.join(words)})", f"See {log}.")
            time.sleep(0.1)
