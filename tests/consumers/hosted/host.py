"""Runs the library with SIGPIPE at its default, as programs in C and Go have it."""

import ctypes
import signal
import sys

PEERS = 20

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
left = ctypes.CDLL(sys.argv[1]).serve(PEERS)
sys.exit(0 if left == PEERS else f"{left} of {PEERS} left")
