"""A WebSocket echo server of another make: `ws_server.py [CERTIFICATE KEY]`, over TLS with these.

Prints its port, then the code each connection ended with.

Answers a message of a mebibyte or more in fragments, `text` as text, and `close` with its own
close frame.
"""

import ssl
import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

FRAGMENT = 64 * 1024


def fragments(message):
    return [message[at : at + FRAGMENT] for at in range(0, len(message), FRAGMENT)]


def echo(peer):
    try:
        peer.ping().wait(5)
        print("pong", flush=True)
        for message in peer:
            if message in ("close", b"close"):
                peer.close(1000, "as you asked")
                break
            if message == b"text":
                message = "text"
            peer.send(fragments(message) if len(message) >= 1 << 20 else message)
    except ConnectionClosed:
        pass
    print("closed", peer.close_code, flush=True)


tls = None
if len(sys.argv) > 1:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*sys.argv[1:])
with serve(echo, "127.0.0.1", 0, ssl=tls, max_size=None, compression=None) as server:
    print("port", server.socket.getsockname()[1], flush=True)
    server.serve_forever()
