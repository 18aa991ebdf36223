"""
Tests of the bridge's core in plain Python: python test_core.py, with websocket-client and NumPy on the path. The environment
names a running server: SIDER_DATA_HOME (its data folder is `sider` below it) and SIDER_SCRIPT (a photo for the scripted worker).
"""
import json
import os
import shlex
import socket
import struct
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../../plugins/blender-bridge/sider"))
sys.path += [path for path in os.environ.get("SIDER_WHEEL", "").split(os.pathsep) if path]

import numpy as np  # noqa: E402

from core import frames, glb, local  # noqa: E402
from core.connection import Connection  # noqa: E402
from core.errors import ConnectionLost, SiderError  # noqa: E402
from core.job import Job, Request  # noqa: E402
from core.words import sentence, wrap  # noqa: E402

os.environ["XDG_DATA_HOME"] = os.environ["SIDER_DATA_HOME"]
CLIENT = {"name": "test_core.py"}


def script(**changes):
    with open(os.environ["SIDER_SCRIPT"], "rb") as file:
        return json.dumps({**json.load(file), **changes}).encode()


def follow(job, seconds=60):
    """All events of a job to its end."""
    events, until = [], time.monotonic() + seconds
    while not (events and events[-1][0] in ("result", "failed", "cancelled")):
        assert time.monotonic() < until, events[-5:]
        job.pump(10, lambda kind, value: events.append((kind, value)))
        time.sleep(0.005)
    return events


def answer_as_a_web_server(listening):
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def make_glb(document, binary):
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    head = struct.pack("<5I", 0x46546C67, 2, 28 + len(text) + len(binary), len(text), 0x4E4F534A)
    return head + text + struct.pack("<2I", len(binary), 0x004E4942) + binary


class Frames(unittest.TestCase):
    def test_there_and_back(self):
        for size in (0, 1, 7, 8, 1000):
            payload = bytes(range(256)) * 4
            frame = frames.encode(frames.UPLOAD, {"id": "ä", "part": 0, "parts": 1, "bytes": size}, payload[:size])
            header, found = frames.decode(frame)
            self.assertEqual((header["id"], found), ("ä", payload[:size]))

    def test_refuses_what_is_none(self):
        for wrong in (b"", b"x" * 40, frames.encode(1, {"id": "a", "bytes": 5}, b"1234")):
            with self.assertRaises(ValueError):
                frames.decode(wrong)

    def test_parts(self):
        data = os.urandom(frames.PART_BYTES + 3)
        parts = [frames.decode(frame) for frame in frames.upload("a", data)]
        self.assertEqual([(header["part"], header["parts"], header["bytes"]) for header, _ in parts], [(0, 2, 1 << 20), (1, 2, 3)])
        self.assertEqual(b"".join(payload for _, payload in parts), data)


class Glb(unittest.TestCase):
    def document(self, **changes):
        return {
            "asset": {"version": "2.0", "generator": "here"},
            "scenes": [{"nodes": [0]}],
            "nodes": [{"children": [1], "translation": [0, 1, 0]}, {"mesh": 0, "name": "face", "scale": [2, 2, 2]}],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "targets": [{"POSITION": 2}]}]}],
            "accessors": [
                {"bufferView": 0, "componentType": 5122, "count": 3, "type": "VEC3", "normalized": True},
                {"bufferView": 1, "componentType": 5121, "count": 3, "type": "SCALAR"},
                {
                    "componentType": 5126,
                    "count": 3,
                    "type": "VEC3",
                    "sparse": {
                        "count": 1,
                        "indices": {"bufferView": 1, "byteOffset": 2, "componentType": 5121},
                        "values": {"bufferView": 2},
                    },
                },
            ],
            "bufferViews": [
                {"byteOffset": 0, "byteLength": 24, "byteStride": 8},
                {"byteOffset": 24, "byteLength": 3},
                {"byteOffset": 28, "byteLength": 12},
            ],
            **changes,
        }

    BINARY = struct.pack("<12h", 32767, 0, 0, 0, 0, 32767, 0, 0, 0, 0, 32767, 0) + bytes([0, 1, 2, 0]) + struct.pack("<3f", 0, 0, 1)

    def test_quantised_sparse_and_placed(self):
        part = glb.parse(make_glb(self.document(), self.BINARY)).parts[0]
        # x stays, up is z, the viewer is at -y; scaled by two and lifted by one
        np.testing.assert_allclose(part.positions, [[2, 0, 1], [0, 0, 3], [0, -2, 1]], atol=1e-6)
        np.testing.assert_allclose(part.targets["key 1"], [[0, 0, 0], [0, 0, 0], [0, -2, 0]], atol=1e-6)
        self.assertEqual(part.triangles.tolist(), [[0, 1, 2]])

    def test_cards(self):
        pictures = {
            "images": [{"bufferView": 2, "mimeType": "image/png"}],
            "textures": [{"source": 0}],
            "materials": [
                {"name": "lashes", "alphaMode": "BLEND", "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}},
                {"name": "cornea", "alphaMode": "BLEND", "pbrMetallicRoughness": {"baseColorFactor": [0, 0, 0, 0.12]}},
                {"name": "skin", "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}},
            ],
        }
        for material, seen_through in ((0, True), (1, False), (2, False)):
            document = self.document(**pictures)
            document["meshes"][0]["primitives"][0]["material"] = material
            self.assertEqual(glb.parse(make_glb(document, self.BINARY)).parts[0].material.cut_out, seen_through)

    def test_quads_and_seams(self):
        a, b = [0, 0, 0], [1, 0, 0]
        positions = np.array([a, b, [1, 1, 0], [0, 1, 0], b, [2, 0, 0], a], "f4")
        triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 2]], "i4")
        moves = np.zeros((7, 3), "f4")
        moves[6] = 1  # it lies where the first one is, but goes elsewhere
        part = glb.Part("face", positions, triangles, targets={"key": moves}, extras={"quads": 1})
        quads, rest = part.faces()
        self.assertEqual((quads.tolist(), rest.tolist()), ([[0, 1, 2, 3]], [[4, 5, 2]]))
        kept, number = part.welded()
        self.assertEqual(kept.tolist(), [0, 1, 2, 3, 5, 6])
        self.assertEqual(number.tolist(), [0, 1, 2, 3, 1, 4, 5])

    def test_says_what_it_cannot_read(self):
        with self.assertRaisesRegex(SiderError, "EXT_meshopt_compression"):
            glb.parse(make_glb(self.document(extensionsRequired=["EXT_meshopt_compression"]), self.BINARY))
        for wrong in (b"", b"x" * 100, make_glb(self.document(accessors=[]), self.BINARY)):
            with self.assertRaises(SiderError):
                glb.parse(wrong)


class Words(unittest.TestCase):
    def test_names_keep_their_letters(self):
        for text, expected in {
            "no engine answers": "No engine answers",
            "ws://127.0.0.1:7437/ does not accept the token": "ws://127.0.0.1:7437/ does not accept the token",
            "sdf.npz is no grid": "sdf.npz is no grid",
            "'x' is no address": "'x' is no address",
            "failed": "Failed",
            "": "",
        }.items():
            self.assertEqual(sentence(text), expected)
        self.assertEqual(str(SiderError("X", "wss://a/ refuses", "Look.")), "wss://a/ refuses. Look.")

    def test_nothing_is_cut_off(self):
        wide = lambda text: sum(3 if one in "WM" else 1 for one in text)  # noqa: E731
        text = "WWW MMMM /a/very/long/path/without/an/end cannot be read. Look at WHAT HELPS"
        for width in (5, 12, 20, 200):
            lines = wrap(text, width, wide)
            self.assertLessEqual(max(map(wide, lines)), width)
            self.assertEqual("".join(lines).replace(" ", ""), text.replace(" ", ""))
        self.assertEqual(wrap("", 10, len), [""])
        self.assertEqual(wrap("a bc def", 4, len), ["a bc", "def"])


class Errors(unittest.TestCase):
    def test_hints_are_blenders(self):
        told = {"name": "NO_FACE", "hints": {"cli": "--landmarks", "page": "Drop another.", "blender": "Open another."}}
        answer = SiderError.from_wire({"code": 1102, "message": "no face", "data": told})
        self.assertEqual((answer.name, answer.hint), ("NO_FACE", "Open another."))
        self.assertEqual(SiderError.from_wire({"message": "no face", **told}).hint, "Open another.")

    def test_a_server_that_sends_none(self):
        old = SiderError.from_wire({"message": "another version", "data": {"name": "VERSION", "hint": "This server speaks version 1."}})
        self.assertIn("Install the add-on", old.hint)
        self.assertEqual(SiderError.from_wire({"message": "?", "data": {"name": "NEWER"}}).hint, "")


class Local(unittest.TestCase):
    def test_finds_the_running_server(self):
        endpoint = local.find()
        self.assertRegex(endpoint.url, r"^ws://127\.0\.0\.1:\d+/$")
        connection = Connection(endpoint, CLIENT)
        self.assertIn("preview", [preset["name"] for preset in connection.session["presets"]])
        connection.close()

    def test_loopback(self):
        for url in ("ws://localhost:1/", "ws://127.0.0.2/", "ws://[::1]:7437/"):
            self.assertTrue(local.is_loopback(url), url)
        for url in ("ws://127.0.0.1.example/", "wss://example/", "ws://10.0.0.1/"):
            self.assertFalse(local.is_loopback(url), url)

    def test_offline_rule(self):
        self.assertEqual(local.find("ws://localhost:1", "t" * 20, online=False).url, "ws://localhost:1")
        with self.assertRaisesRegex(SiderError, "Allow Online Access"):
            local.find("wss://render.example/", "t" * 20, online=False)
        self.assertEqual(local.find("wss://render.example/", "t" * 20).token, "t" * 20)

    def test_addresses(self):
        for wrong in ("ftp://127.0.0.1/", "ws://", "ws://[::1", "ws://host:port/"):
            with self.assertRaisesRegex(SiderError, "looks like ws://"):
                local.find(wrong)
        secret = "t" * 20
        for given, meant in {
            "Ws://127.0.0.1:7437/": "ws://127.0.0.1:7437/",
            " WSS://Render.example/ ": "wss://Render.example/",
            "127.0.0.1:7437": "ws://127.0.0.1:7437",
            "http://127.0.0.1:7437/": "ws://127.0.0.1:7437/",
        }.items():
            self.assertEqual(local.find(given, secret).url, meant)

    def test_the_pages_address_has_the_token(self):
        endpoint = local.find(f"https://render.example:7437/#token={'p' * 20}")
        self.assertEqual((endpoint.url, endpoint.token), ("wss://render.example:7437/", "p" * 20))
        self.assertEqual(local.find("ws://127.0.0.1/#token=a", "b" * 20).token, "b" * 20)


class Jobs(unittest.TestCase):
    def job(self, photo, **changes):
        return Job(Request(photo, "someone.jpg", "preview", **changes), local.find, CLIENT)

    def test_events_and_result(self):
        events = follow(self.job(script(steps=20, stepMs=20), want_sdf=True).start())
        kinds = [kind for kind, _ in events]
        fractions = [value["fraction"] for kind, value in events if kind == "progress"]
        self.assertEqual(fractions, sorted(fractions))
        self.assertGreater(kinds.count("mesh"), 2)
        result = events[-1][1]
        self.assertEqual([part.name for part in result.asset.parts], ["face", "head"])
        self.assertEqual(sorted(result.files), ["sdf.npz", "textures/displacement.png"])
        self.assertEqual(result.camera["width"], 640)

    def test_newest_preview_only_and_the_budget(self):
        job = self.job(script(steps=30, stepMs=10)).start()
        until = time.monotonic() + 60
        while not job.ended:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)
        seen = []
        while job.pump(1, lambda kind, _: (seen.append(kind), time.sleep(0.002))):
            pass
        self.assertEqual(seen.count("mesh"), 1)
        self.assertEqual(seen.count("progress"), 1)
        self.assertEqual(seen[-1], "result")

    def test_events_come_on_the_pumping_thread(self):
        threads = set()
        job = self.job(script(steps=2)).start()
        while not job.ended or job.pump(5, lambda *_: threads.add(threading.current_thread())):
            job.pump(5, lambda *_: threads.add(threading.current_thread()))
            time.sleep(0.005)
        self.assertEqual(threads, {threading.current_thread()})

    def test_failure_of_the_engine(self):
        kind, error = follow(self.job(script(fail=True)).start())[-1]
        self.assertEqual((kind, error.name), ("failed", "NO_FACE"))

    def test_cancel_before_it_is_created(self):
        job = self.job(script(steps=1000))
        job.cancel()
        self.assertEqual(follow(job.start())[-1][0], "cancelled")

    def test_wrong_token(self):
        endpoint = local.Endpoint(local.find().url, "x" * 40)
        events = follow(Job(Request(script(), "a", "preview"), lambda: endpoint, CLIENT).start())
        self.assertEqual(events[-1][1].name, "UNAUTHORISED")

    def test_wrong_preset_names_the_setting(self):
        events = follow(Job(Request(script(), "a", "previw"), local.find, CLIENT).start())
        self.assertEqual(events[-1][0], "failed")
        self.assertIn(events[-1][1].name, ("PARAMS", "USAGE"))

    def test_connection_broken_while_it_runs(self):
        job = self.job(script(steps=60, stepMs=50)).start()
        events, broken, until = [], False, time.monotonic() + 60
        while not (events and events[-1][0] in ("result", "failed")):
            self.assertLess(time.monotonic(), until)
            job.pump(10, lambda kind, value: events.append((kind, value)))
            connection = job._connection
            if not broken and any(kind == "mesh" for kind, _ in events) and connection:
                connection._socket.sock.shutdown(socket.SHUT_RDWR)
                broken = True
            time.sleep(0.01)
        self.assertTrue(broken)
        self.assertEqual(events[-1][0], "result", events[-1])
        self.assertGreater(sum(kind == "session" for kind, _ in events), 1)

    def test_heartbeats_do_not_end_a_quiet_connection(self):
        connection = Connection(local.find(), CLIENT)
        connection._socket.ping()  # answered by a pong: a frame that is no message
        start = time.monotonic()
        self.assertIsNone(connection.receive(1))
        self.assertLess(time.monotonic() - start, 5)
        connection.call("ping")
        connection.close()

    def test_engine_started_when_none_answers(self):
        started, places = [], [local.Endpoint("ws://127.0.0.1:9/", "x")]

        def start():
            started.append(True)
            places[0] = local.find()

        events = follow(Job(Request(script(steps=1), "a", "preview"), lambda: places[0], CLIENT, start).start())
        self.assertEqual((events[-1][0], len(started)), ("result", 1))

    def test_another_s_server_on_the_usual_port(self):
        """One that does not take the token, and one that is no SIDER at all: an engine of one's own is started."""
        home, running = os.environ["XDG_DATA_HOME"], local.find().url
        with socket.create_server(("127.0.0.1", 0)) as web:
            threading.Thread(target=answer_as_a_web_server, args=(web,), daemon=True).start()
            for foreign in (running, f"ws://127.0.0.1:{web.getsockname()[1]}/"):
                started = []

                def start():
                    started.append(True)
                    os.environ["XDG_DATA_HOME"] = home

                os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()
                with mock.patch.object(local, "DEFAULT_URL", foreign):
                    events = follow(Job(Request(script(steps=1), "a", "preview"), local.find, CLIENT, start).start())
                self.assertEqual((events[-1][0], len(started)), ("result", 1), events[-1])

    def test_a_server_that_was_named_is_not_replaced(self):
        endpoint = lambda: local.find(local.find().url, "x" * 40)  # noqa: E731
        events = follow(Job(Request(script(), "a", "preview"), endpoint, CLIENT, lambda: self.fail("started")).start())
        self.assertEqual(events[-1][1].name, "UNAUTHORISED")

    def test_the_engine_takes_a_free_port_if_another_has_the_usual_one(self):
        home = os.environ["XDG_DATA_HOME"]
        engine = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake_engine.py")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for words, listening in ((["serve", "--port", "0"], port), (["serve"], free_port())):
                os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()
                try:
                    with mock.patch.object(local, "DEFAULT_PORT", listening):
                        one = local.LocalEngine()
                        one.start(shlex.join([sys.executable, engine]))
                    self.assertEqual(local._discovered()["words"], words)
                    one.process.wait(10)
                finally:
                    os.environ["XDG_DATA_HOME"] = home

    def test_corrupt_payload_is_not_believed(self):
        with mock.patch("core.connection.hashlib.sha256", return_value=mock.Mock(hexdigest=lambda: "0" * 64)):
            with self.assertRaises(ConnectionLost):
                from core.connection import _checked

                _checked(b"payload", {"sha256": "1" * 64})


if __name__ == "__main__":
    unittest.main(verbosity=2)
