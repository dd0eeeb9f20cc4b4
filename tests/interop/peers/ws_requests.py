"""A WebSocket client of another make: `ws_requests.py URL ORIGIN TOKEN SUBPROTOCOL`.

Asks for what is refused and what is not, and prints what came of it.
"""

import sys

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

url, good_origin, token, subprotocol = sys.argv[1:]


def ask(path, **options):
    try:
        with connect(url + path, proxy=None, compression=None, **options) as peer:
            peer.send("hello")
            assert peer.recv(10) == "hello"
            if peer.subprotocol:
                return f"{peer.subprotocol} {peer.response.headers['Room']}"
            return "echoed"
    except InvalidStatus as error:
        return f"{error.response.status_code} {error.response.body.decode()}"


def say(name, outcome):
    print(name, outcome.strip(), flush=True)


say("private", ask("/private"))
say("nowhere", ask("/nowhere"))
say("bad origin", ask("/chat", origin="https://evil.example"))
say("good origin", ask("/chat", origin=good_origin))
say("token", ask("/private", additional_headers={"Authorization": f"Bearer {token}"}))
say("room", ask("/rooms/blue", subprotocols=["chat.v9", subprotocol]))
say("late", ask("/late"))
