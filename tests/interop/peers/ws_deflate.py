"""Compressed messages of another make: `ws_deflate.py client PARAMETERS URL` or `ws_deflate.py server PARAMETERS`.

PARAMETERS are those of Node's `ws`, as JSON. The server prints its port and sends back what it gets. The client prints what the
server agreed to, and compares what comes back.
"""

import json
import os
import sys

from websockets.exceptions import ConnectionClosed
from websockets.extensions import permessage_deflate
from websockets.sync.client import connect
from websockets.sync.server import serve

NAMES = {
    "serverNoContextTakeover": "server_no_context_takeover",
    "clientNoContextTakeover": "client_no_context_takeover",
    "serverMaxWindowBits": "server_max_window_bits",
    "clientMaxWindowBits": "client_max_window_bits",
}


def as_bytes(message):
    return message.encode() if isinstance(message, str) else message


def client(parameters, url):
    parameters.setdefault("client_max_window_bits", True)
    factory = permessage_deflate.ClientPerMessageDeflateFactory(**parameters)
    with connect(url, proxy=None, compression=None, extensions=[factory], max_size=None) as peer:
        print("agreed", peer.response.headers["Sec-WebSocket-Extensions"], flush=True)
        for _ in range(3):
            for message in ["h\u00e9llo " * 1000, b"", "short", os.urandom(70_000), b"\x00\x01" * (1 << 19)]:
                peer.send(message)
                assert as_bytes(peer.recv(10)) == as_bytes(message)
    print("all as sent", flush=True)


def echo(peer):
    try:
        for message in peer:
            peer.send(message)
    except ConnectionClosed:
        pass


role, parameters, *rest = sys.argv[1:]
parameters = {NAMES[name]: value for name, value in json.loads(parameters).items()}
if role == "client":
    client(parameters, *rest)
else:
    factory = permessage_deflate.ServerPerMessageDeflateFactory(**parameters)
    options = {"compression": None, "extensions": [factory], "max_size": None}
    with serve(echo, "127.0.0.1", 0, **options) as server:
        print("port", server.socket.getsockname()[1], flush=True)
        server.serve_forever()
