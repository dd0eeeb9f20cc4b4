"""One long message of another make: `ws_stream.py client URL PIECES BYTES` or `ws_stream.py server`.

The client sends it in that many pieces and prints the answer. The server prints its port, and answers a message with its
length.
"""

import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve


def client(url, pieces, size):
    piece = bytes(int(size))
    with connect(url, proxy=None, compression=None) as peer:
        peer.send(piece for _ in range(int(pieces)))
        print("counted", peer.recv(60), flush=True)


def count(peer):
    try:
        while True:
            peer.send(str(sum(len(piece) for piece in peer.recv_streaming())))
    except ConnectionClosed:
        pass


if sys.argv[1] == "client":
    client(*sys.argv[2:])
else:
    options = {"compression": None, "max_size": None}
    with serve(count, "127.0.0.1", 0, **options) as server:
        print("port", server.socket.getsockname()[1], flush=True)
        server.serve_forever()
