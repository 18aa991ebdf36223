"""Reconstructs a face on a SIDER server (pip install websocket-client; sider serve):
python reconstruct.py photo.jpg out [ws://127.0.0.1:7437/] [token file] [preset]"""
import base64, json, os, struct, sys, uuid
import websocket

standard = ["ws://127.0.0.1:7437/", os.path.expanduser("~/.local/share/sider/token"), "balanced"]
photo, out, url, token_file, preset = sys.argv[1:] + standard[len(sys.argv) - 3 :]
ws = websocket.create_connection(url, subprotocols=["sider.v1"])
events, payloads = [], {}  # notifications not yet looked at; parts of payloads by transfer id


def receive():
    """Reads one message: an answer is returned, everything else is kept."""
    kind, data = ws.recv_data()
    if kind == websocket.ABNF.OPCODE_TEXT:
        message = json.loads(data)
        return message if "method" not in message else events.append(message)
    elif kind == websocket.ABNF.OPCODE_BINARY:
        (length,) = struct.unpack_from("<8xI", data)  # after magic, version and kind: the header's length
        header = json.loads(data[12 : 12 + length])
        payloads.setdefault(header["id"], []).append(data[len(data) - header["bytes"] :])
        if header["part"] + 1 == header["parts"]:
            payloads[header["id"]] = b"".join(payloads[header["id"]])
    else:
        raise SystemExit("the server closed the connection")


def call(method, **params):
    ws.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    while not (answer := receive()):
        pass
    if "error" in answer:
        raise SystemExit(f"{method}: {answer['error']['message']}. {answer['error']['data'].get('hints', {}).get('page', '')}")
    return answer["result"]


call("initialize", protocol=2, token=open(token_file).readline().split()[-1], client={"name": "reconstruct.py"})
image = {"base64": base64.b64encode(open(photo, "rb").read()).decode()}
job = call("job/create", image=image, preset=preset, idempotencyKey=str(uuid.uuid4()))["id"]
call("job/subscribe", job=job)
state = "queued"
while state != "completed":
    while not events:
        receive()
    params = (event := events.pop(0))["params"]
    if event["method"] == "job/progress":
        print(f"{100 * params['fraction']:3.0f}% {params['stage']}", flush=True)
    elif "transfer" in params:  # its bytes come in binary frames: payloads[params["transfer"]]
        print("preview", params["artifact"]["name"], params["artifact"]["bytes"], "bytes", flush=True)
    elif event["method"] == "job/state":
        print(state := params["state"], flush=True)
        if state in ("failed", "cancelled"):
            raise SystemExit(params["error"]["message"] if "error" in params else "the job was cancelled")
for artifact in call("job/result", job=job)["files"]:
    transfer = call("artifact/get", job=job, artifact=artifact["id"])["transfer"]
    while not isinstance(payloads.get(transfer), bytes):
        receive()
    os.makedirs(os.path.dirname(path := os.path.join(out, artifact["name"])), exist_ok=True)
    open(path, "wb").write(payloads.pop(transfer))
