"""Close frames of another make: `ws_close.py client URL CODES REASON`, or `ws_close.py server`, which prints its port.

The client has the server close with each of the codes, by a message `close CODE REASON`, then closes with each itself, then
waits for a ping. The server closes as such a message says. Both print how connections ended.
"""

import sys
import threading

from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import serve

pinged = threading.Event()


class Connection(ClientConnection):
    def process_event(self, event):
        if getattr(event, "opcode", None) is Opcode.PING:
            pinged.set()
        super().process_event(event)


def say(by, peer):
    print(f"closed by the {by}: {peer.close_code} {peer.close_reason}", flush=True)


def opened(url):
    return connect(url, proxy=None, compression=None, create_connection=Connection)


def client(url, codes, reason):
    codes = [int(code) for code in codes.split(",")]
    for code in codes:
        with opened(url) as peer:
            peer.send(f"close {code} {reason}")
            try:
                peer.recv(10)
            except ConnectionClosed:
                say("server", peer)
    for code in codes:
        with opened(url) as peer:
            assert pinged.wait(10), "no ping"
            peer.close(code, reason)
    print("pinged", flush=True)


def close(peer):
    try:
        for message in peer:
            _, code, reason = message.split(" ", 2)
            peer.close(int(code), reason)
            return
    except ConnectionClosed:
        pass
    say("client", peer)


if sys.argv[1] == "client":
    client(*sys.argv[2:])
else:
    with serve(close, "127.0.0.1", 0, compression=None) as server:
        print("port", server.socket.getsockname()[1], flush=True)
        server.serve_forever()
