"""A WebSocket echo server of another make: `ws_site.py TOKEN SUBPROTOCOL`.

Prints its port. `/private` wants the token, `/moved` leads to `/`, and `/room` wants the subprotocol.
"""

import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

token, subprotocol = sys.argv[1:]


def decide(peer, request):
    if request.path == "/private" and request.headers.get("Authorization") != f"Bearer {token}":
        return peer.respond(401, "log in first\n")
    if request.path == "/moved":
        response = peer.respond(302, "")
        response.headers["Location"] = "/"
        return response


def select(_, asked):
    return subprotocol if subprotocol in asked else None


def echo(peer):
    try:
        for message in peer:
            peer.send(message)
    except ConnectionClosed:
        pass


options = {"process_request": decide, "select_subprotocol": select, "compression": None}
with serve(echo, "127.0.0.1", 0, **options) as server:
    print("port", server.socket.getsockname()[1], flush=True)
    server.serve_forever()
