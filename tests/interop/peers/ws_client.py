"""A WebSocket client of another make: `ws_client.py URL WHO`, where WHO ends the connection.

Sends text, binary, a ping and a mebibyte in fragments to an echo server and compares what comes
back; a text may come back as binary. Prints the code the connection ended with.
"""

import os
import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

FRAGMENT = 64 * 1024


def as_bytes(message):
    return message.encode() if isinstance(message, str) else message


def exchange(peer):
    large = os.urandom(1 << 20)
    in_fragments = [large[at : at + FRAGMENT] for at in range(0, len(large), FRAGMENT)]
    for message in ["h\u00e9llo", b"\x00\xff" * 50, b"", os.urandom(70_000)]:
        peer.send(message)
        assert as_bytes(peer.recv(10)) == as_bytes(message)
    assert peer.ping().wait(10), "no pong"
    peer.send(in_fragments)
    assert as_bytes(peer.recv(10)) == large


url, who = sys.argv[1:]
with connect(url, max_size=None, compression=None) as peer:
    exchange(peer)
    if who == "client":
        peer.close(1000)
    else:
        peer.send("close")
        try:
            peer.recv(10)
        except ConnectionClosed:
            pass
    print("closed", peer.close_code, flush=True)
