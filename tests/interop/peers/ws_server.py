"""A WebSocket echo server of another make: prints its port, then the code each connection ended with.

Answers a message of a mebibyte or more in fragments, `text` as text, and `close` with its own
close frame.
"""

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


with serve(echo, "127.0.0.1", 0, max_size=None, compression=None) as server:
    print("port", server.socket.getsockname()[1], flush=True)
    server.serve_forever()
