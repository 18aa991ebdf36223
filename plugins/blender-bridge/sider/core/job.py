# SPDX-License-Identifier: GPL-3.0-or-later
"""
A reconstruction followed from afar. A thread of its own talks to the server, connects again when the connection breaks, and
queues what happens; whoever owns the job takes it from the queue with `pump`, on a thread of their choice.
"""
import collections
import hashlib
import threading
import time
import uuid
from dataclasses import dataclass, field

from . import glb, sdf
from .errors import ConnectionLost, SiderError
from .generated import END_STATES
from .local import absent

RETRY_SECONDS = 180


@dataclass
class Request:
    photo: bytes
    name: str
    preset: str = "balanced"
    face: int = -1
    """Number of the face; -1 leaves it to `several_faces`."""
    several_faces: str = "largest"
    """What to do with several faces: 'largest', 'ask' or 'fail'."""
    settings: dict = field(default_factory=dict)
    """Changes to the preset, by dotted names."""
    want_sdf: bool = False
    """Fetch the distance grid of the result too."""
    previews: bool = True
    """Have meshes sent while the job is under way."""


@dataclass
class Result:
    asset: glb.Asset
    camera: dict
    report: dict
    files: dict
    """Other files of the result that were fetched, bytes by name: textures that the asset names, sdf.npz."""
    warnings: list


class Job:
    """
    Events, as (kind, value):
      connection  text, '' when connected              state     name of a state of docs/protocol.md
      session     what `initialize` answered           progress  params of job/progress
      question    list of faces                        log       text
      mesh        glb.Part in Blender's axes, with its topology as value.extras['topology']
      image       (name, JPEG)                         sdf       sdf.Grid
      result      Result                               failed    SiderError
      cancelled   None
    result, failed and cancelled come last, and once. Of progress and previews only the newest waits.
    """

    def __init__(self, request, endpoint, client, before_connect=None):
        """
        @param endpoint: function of the place to connect to (see local.find), asked again before every attempt
        @param before_connect: called when no server answers, may start one; then it is tried again
        """
        self.request = request
        self.id = None
        self.ended = False
        self._endpoint = endpoint
        self._client = client
        self._start_engine = before_connect
        self._key = str(uuid.uuid4())
        self._seq = None
        self._events = collections.OrderedDict()
        self._lock = threading.Lock()
        self._commands = collections.deque()
        self._connection = None
        self._dropped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sider", daemon=True)

    def start(self):
        self._thread.start()
        return self

    def pump(self, budget_ms, handle):
        """Hands waiting events to handle(kind, value) until the budget is spent. @return: whether some still wait."""
        until = time.perf_counter() + budget_ms / 1000
        while True:
            with self._lock:
                if not self._events:
                    return False
                _, event = self._events.popitem(last=False)
            handle(*event)
            if time.perf_counter() >= until:
                return bool(self._events)

    def pause(self):
        self._command("job/pause")

    def resume(self):
        self._command("job/resume")

    def keep(self):
        """Ends the optimisation and completes with what it has found."""
        self._command("job/cancel", keep=True)

    def choose_face(self, face):
        self._command("job/input", face=face)

    def cancel(self):
        """Stops the job for good. Takes effect here at once; the server is told as soon as it can be reached."""
        self._dropped.set()
        self._command("job/cancel")

    def leave(self):
        """Stops watching; the job goes on at the server."""
        self._commands.clear()
        self._dropped.set()
        self._wake()

    def join(self, seconds=None):
        self._thread.join(seconds)

    def _command(self, method, **params):
        self._commands.append((method, params))
        self._wake()

    def _wake(self):
        connection = self._connection  # the job's thread may take it away meanwhile
        if connection:
            connection.wake()

    def _put(self, kind, value, key=None):
        with self._lock:
            self._events.pop(key, None)
            self._events[key or object()] = (kind, value)

    def _run(self):
        try:
            kind, value = self._follow()
        except SiderError as error:
            kind, value = "failed", error
        except Exception as error:  # a fault of this add-on must not leave the job hanging without a word
            kind, value = "failed", SiderError("BRIDGE", f"the add-on failed: {error!r}", "Please report it.")
        self.ended = True
        self._put(kind, value)

    def _follow(self):
        wait, since, connected_once = 0.2, time.monotonic(), False
        while True:
            try:
                self._connection = None
                connection = self._connection = self._open()
                try:
                    wait, since, connected_once = 0.2, time.monotonic(), True
                    self._put("connection", "")
                    self._put("session", connection.session)
                    return self._watch(connection)
                finally:
                    self._connection = None
                    connection.close()
            except ConnectionLost:
                if self._dropped.is_set() and self.id is None:
                    return "cancelled", None
                if not connected_once or time.monotonic() - since > RETRY_SECONDS:
                    raise absent(self._endpoint().url, self._start_engine is not None) from None
                self._put("connection", "The engine does not answer; trying again")
                time.sleep(wait)
                wait = min(5.0, wait * 1.5)

    def _open(self):
        from .connection import reach

        starting = lambda: self._put("connection", "Starting the engine")  # noqa: E731
        return reach(self._endpoint, self._client, self._start_engine, starting)

    def _watch(self, connection):
        """Follows the job to its end. @return: the last event."""
        if self.id is None:
            if self._dropped.is_set():
                return "cancelled", None
            self.id = self._create(connection)
        after = {} if self._seq is None else {"after": self._seq}
        kinds = ["progress", "log", *(["mesh", "sdf", "image"] if self.request.previews else [])]
        job = connection.call("job/subscribe", job=self.id, kinds=kinds, **after)["job"]
        self._state(job)
        while job["state"] not in END_STATES:
            self._send_commands(connection)
            if self._dropped.is_set():
                return "cancelled", None
            message = connection.receive(5.0)
            if message is None:
                continue
            method, params, payload = message
            if params.get("job") != self.id:
                continue
            self._seq = max(self._seq or 0, params.get("seq", 0))
            if method == "job/state":
                job = params
                self._state(job)
            else:
                self._take(method, params, payload)
        if job["state"] == "failed":
            return "failed", SiderError.from_wire(job.get("error") or {})
        if job["state"] == "cancelled":
            return "cancelled", None
        return "result", self._result(connection)

    def _create(self, connection):
        request = self.request
        settings = {**request.settings, **({"photo.face": request.face} if request.face >= 0 else {})}
        return connection.call(
            "job/create",
            image={"upload": connection.upload(request.photo)},
            name=request.name,
            settings=settings,
            severalFaces=request.several_faces,
            idempotencyKey=self._key,
            **({"preset": request.preset} if request.preset else {}),
        )["id"]

    def _send_commands(self, connection):
        while self._commands:
            method, params = self._commands[0]
            try:
                connection.call(method, job=self.id, **params)
            except SiderError as error:
                if error.name != "WRONG_STATE":  # it ended or changed meanwhile: the next state says how
                    self._put("log", str(error))
            self._commands.popleft()

    def _state(self, job):
        self._put("state", job["state"], "state")
        if job.get("question"):
            self._put("question", job["question"]["faces"])

    def _take(self, method, params, payload):
        if method == "job/progress":
            self._put("progress", params, "progress")
        elif method == "job/log":
            self._put("log", params["message"])
        elif method == "job/artifact" and payload is not None:
            artifact = params["artifact"]
            if artifact["kind"] == "mesh":
                part = glb.parse(payload).parts[0]
                part.extras = {"topology": artifact.get("topology", ""), "name": artifact["name"]}
                self._put("mesh", part, "mesh")
            elif artifact["kind"] == "sdf":
                self._put("sdf", sdf.from_snapshot(payload, artifact["sdf"]), "sdf")
            elif artifact["kind"] == "image":
                self._put("image", (artifact["name"], payload), artifact["name"])

    def _result(self, connection):
        import json

        answer = connection.call("job/result", job=self.id)
        there = {file["name"]: file["id"] for file in answer["files"]}

        def fetch(name):
            if name not in there:
                raise SiderError("RESULT", f"the result has no {name}", "Is the engine as new as this add-on?")
            return connection.fetch(self.id, there[name])

        asset = glb.parse(fetch("face.glb"))
        wanted = {part.extras["displacement"]["file"] for part in asset.parts if "displacement" in part.extras}
        if self.request.want_sdf:
            wanted.add("sdf.npz")
        files = {name: fetch(name) for name in sorted(wanted) if name in there}
        camera, report = json.loads(fetch("camera.json")), json.loads(fetch("report.json"))
        report.setdefault("photoSha256", hashlib.sha256(self.request.photo).hexdigest())
        return Result(asset, camera, report, files, answer.get("warnings", []))

