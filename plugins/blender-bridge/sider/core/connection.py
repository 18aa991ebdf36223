# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to a server, owned by one thread: calls and their answers, notifications with their payloads."""
import collections
import hashlib
import itertools
import json
import select
import socket
import time

from . import frames
from .errors import ConnectionLost, SiderError
from .generated import HINTS, PROTOCOL_VERSION

CONNECT_SECONDS = 10
CALL_SECONDS = 60


class Connection:
    """
    Connects and opens the session. Messages that are no answers are kept until `receive` hands them out; those that announce
    a payload only when it has come, as (message, bytes).
    Raises ConnectionLost, or SiderError if the server refuses.
    """

    def __init__(self, endpoint, client):
        import websocket  # the wheel is put on the path when the add-on is registered

        self._lost = (websocket.WebSocketException, OSError, ValueError)
        self._binary = websocket.ABNF.OPCODE_BINARY
        self._text = websocket.ABNF.OPCODE_TEXT
        self._numbers = itertools.count(1)
        self._messages = collections.deque()
        self._announced = {}  # messages by transfer id
        self._parts = {}
        self._payloads = {}
        try:
            self._socket = websocket.create_connection(
                endpoint.url, timeout=CONNECT_SECONDS, subprotocols=["sider.v1"], suppress_origin=True
            )
        except websocket.WebSocketBadStatusException as error:
            raise SiderError(
                "REFUSED", f"{endpoint.url} refuses the connection ({error.status_code})",
                "Is it SIDER's server, and does it allow this name (`sider serve --allow-host`)?",
            ) from error
        except self._lost as error:
            raise ConnectionLost(str(error)) from error
        self._waker, self._wake = socket.socketpair()
        try:
            self.session = self.call("initialize", protocol=PROTOCOL_VERSION, token=endpoint.token, client=client)
        except ConnectionLost:
            self.close()
            raise
        except SiderError as error:
            self.close()
            if error.name != "UNAUTHORISED" and not (error.name == "PARAMS" and not endpoint.token):
                raise
            raise SiderError("UNAUTHORISED", f"{endpoint.url} does not accept the token", HINTS["UNAUTHORISED"]) from error

    def call(self, method, **params):
        """The result of a method. Raises SiderError, ConnectionLost."""
        number = next(self._numbers)
        self._send_text({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        until = time.monotonic() + CALL_SECONDS
        while True:
            answer = self._read(until - time.monotonic())
            if answer is None and time.monotonic() > until:
                raise ConnectionLost(f"{method} was not answered")
            if answer is not None and answer.get("id") == number:
                if "error" in answer:
                    raise SiderError.from_wire(answer["error"])
                return answer["result"]

    def upload(self, data):
        """Sends a photo. @return: the upload's id."""
        transfer = self.call("upload/begin", bytes=len(data), sha256=hashlib.sha256(data).hexdigest())["upload"]
        for frame in frames.upload(transfer, data):
            self._send(frame, self._binary)
        return transfer

    def fetch(self, job, artifact):
        """The bytes of an artifact. Raises SiderError, ConnectionLost."""
        answer = self.call("artifact/get", job=job, artifact=artifact, delivery="binary")
        transfer = answer["transfer"]
        until = time.monotonic() + CALL_SECONDS
        while transfer not in self._payloads:
            if self._read(until - time.monotonic()) is None and time.monotonic() > until:
                raise ConnectionLost("a file did not come")
        return _checked(self._payloads.pop(transfer), answer["artifact"])

    def receive(self, seconds):
        """The next notification as (method, params, payload or None); None if none came, or `wake` was called."""
        if not self._messages:
            self._read(seconds)
        return self._messages.popleft() if self._messages else None

    def wake(self):
        """Ends a `receive` that waits. The one method that other threads may call."""
        try:
            self._wake.send(b".")
        except OSError:
            pass  # closed meanwhile

    def close(self):
        for one in (self._socket, self._waker, self._wake):
            try:
                one.close()
            except self._lost:
                pass

    def _send_text(self, message):
        self._send(json.dumps(message), self._text)

    def _send(self, data, opcode):
        try:
            self._socket.send(data, opcode)
        except self._lost as error:
            raise ConnectionLost(str(error)) from error

    def _read(self, seconds):
        """Takes in one message, if one comes in time. @return: it, if it is an answer."""
        try:
            raw = self._socket.sock
            if not (hasattr(raw, "pending") and raw.pending()):
                ready, _, _ = select.select([raw, self._waker], [], [], max(0, seconds))
                if self._waker in ready:
                    self._waker.recv(4096)
                if raw not in ready:
                    return None
            opcode, data = self._socket.recv_data(control_frame=True)  # else a ping makes it wait for more
            if opcode == self._text:
                return self._take_text(json.loads(data))
            if opcode == self._binary:
                self._take_frame(data)
            elif opcode == 8:
                raise ConnectionLost("the server closed the connection")
        except self._lost as error:
            raise ConnectionLost(str(error)) from error
        return None

    def _take_text(self, message):
        if "method" not in message:
            return message
        params = message["params"]
        if "transfer" in params:
            self._announced[params["transfer"]] = message
            self._deliver(params["transfer"])
        else:
            self._messages.append((message["method"], params, None))
        return None

    def _take_frame(self, data):
        header, payload = frames.decode(data)
        transfer = header["id"]
        parts = self._parts.setdefault(transfer, [])
        parts.append(payload)
        if len(parts) < header["parts"]:
            return
        self._payloads[transfer] = b"".join(self._parts.pop(transfer))
        self._deliver(transfer)

    def _deliver(self, transfer):
        if transfer in self._announced and transfer in self._payloads:
            message = self._announced.pop(transfer)
            payload = _checked(self._payloads.pop(transfer), message["params"]["artifact"])
            self._messages.append((message["method"], message["params"], payload))


def reach(endpoint, client, start_engine=None, starting=lambda: None):
    """
    A connection to the server, which is started if none answers and it may be.
    @param endpoint: function of the place to connect to, asked anew after the start; starting: told before it
    Raises ConnectionLost, SiderError.
    """
    place = endpoint()
    try:
        return Connection(place, client)
    except (ConnectionLost, SiderError) as error:
        # Where nobody has named a server, one that refuses is another's.
        elsewhere = place.guessed and getattr(error, "name", "") in ("UNAUTHORISED", "REFUSED")
        if start_engine is None or not (elsewhere or isinstance(error, ConnectionLost)):
            raise
    starting()
    start_engine()
    return Connection(endpoint(), client)


def _checked(payload, artifact):
    if hashlib.sha256(payload).hexdigest() != artifact["sha256"]:
        raise ConnectionLost("a payload does not match its digest")
    return payload
