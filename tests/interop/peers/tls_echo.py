"""TLS of another make over plain TCP: `tls_echo.py server VERSION CERTIFICATE KEY` or `tls_echo.py client VERSION CA PORT`.

The server prints its port and sends back what it gets, and the client compares what comes back; VERSION is `TLSv1_2` or
`TLSv1_3`. Both end with `close_notify`, expect the peer's, and print `closed`.
"""

import os
import socket
import ssl
import sys


def echo(context):
    with socket.create_server(("127.0.0.1", 0)) as server:
        print("port", server.getsockname()[1], flush=True)
        peer = context.wrap_socket(server.accept()[0], server_side=True, suppress_ragged_eofs=False)
        while data := peer.recv(65536):
            peer.sendall(data)
        peer.unwrap().close()


def talk(context, port):
    connected = socket.create_connection(("localhost", port))
    peer = context.wrap_socket(connected, server_hostname="localhost", suppress_ragged_eofs=False)
    for size in [1, 100, 16384, 100000]:
        message = os.urandom(size)
        peer.sendall(message)
        echoed = b""
        while len(echoed) < size:
            echoed += peer.recv(65536)
        assert echoed == message
    peer.unwrap().close()


role, version, *rest = sys.argv[1:]
is_server = role == "server"
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
if is_server:
    context.load_cert_chain(*rest)
    echo(context)
else:
    context.load_verify_locations(rest[0])
    talk(context, int(rest[1]))
print("closed", flush=True)
