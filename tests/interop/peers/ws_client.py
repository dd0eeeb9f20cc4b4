"""A WebSocket client of another make: `ws_client.py URL WHO`, where WHO ends the connection.

Sends text, binary, a ping and a mebibyte in fragments to an echo server and compares what comes
back; a text may come back as binary. Prints the code the connection ended with.

On one thread: a socket of Python over TLS whose time-out one thread sets while another one reads gives up at once.
"""

import asyncio
import os
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

FRAGMENT = 64 * 1024
PATIENCE = 10


def as_bytes(message):
    return message.encode() if isinstance(message, str) else message


async def receive(peer):
    return as_bytes(await asyncio.wait_for(peer.recv(), PATIENCE))


async def exchange(peer):
    large = os.urandom(1 << 20)
    in_fragments = [large[at : at + FRAGMENT] for at in range(0, len(large), FRAGMENT)]
    for message in ["h\u00e9llo", b"\x00\xff" * 50, b"", os.urandom(70_000)]:
        await peer.send(message)
        assert await receive(peer) == as_bytes(message)
    await asyncio.wait_for(await peer.ping(), PATIENCE)
    await peer.send(in_fragments)
    assert await receive(peer) == large


async def main(url, who):
    async with connect(url, max_size=None, compression=None, proxy=None) as peer:
        await exchange(peer)
        if who == "client":
            await peer.close(1000)
        else:
            await peer.send("close")
            try:
                await receive(peer)
            except ConnectionClosed:
                pass
        print("closed", peer.close_code, flush=True)


asyncio.run(main(*sys.argv[1:]))
