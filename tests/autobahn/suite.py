"""One end of the Autobahn test suite, in Python 2.7.

    suite.py cases
    suite.py client REPORTS URL CASE...
    suite.py server REPORTS [--tls CERTIFICATE KEY] CASE...

`cases` prints the names of all cases. `client` runs cases against the server at URL. `server` listens on the loopback
address, prints its port, runs the Nth of the cases for whoever asks for `/runCase?case=N&agent=NAME`, and writes its reports when
asked for `/updateReports?agent=NAME`. Both print `result CASE | BEHAVIOR | BEHAVIOR OF THE CLOSE` after each case, and
write reports for people to read into the folder REPORTS.
"""

import sys

from autobahntestsuite import fuzzing
from twisted.internet import reactor, ssl


def say(line):
    print line  # Among what the suite itself prints.
    sys.stdout.flush()


class Telling:
    def logCase(self, result):
        fuzzing.FuzzingFactory.logCase(self, result)
        say("result %s | %s | %s" % (result["id"], result["behavior"], result["behaviorClose"]))


class Client(Telling, fuzzing.FuzzingClientFactory):
    pass


class Server(Telling, fuzzing.FuzzingServerFactory):
    pass


def serve(reports, args):
    tls = None
    if args[:1] == ["--tls"]:
        tls = ssl.DefaultOpenSSLContextFactory(args[2], args[1])
        del args[:3]
    server = Server({"url": "ws://127.0.0.1", "outdir": reports, "cases": args})
    server.externalPort = None  # So that requests are not compared with the port in `url`.
    if tls:
        port = reactor.listenSSL(0, server, tls, interface="127.0.0.1")
    else:
        port = reactor.listenTCP(0, server, interface="127.0.0.1")
    say("port %d" % port.getHost().port)


role, rest = sys.argv[1], sys.argv[2:]
if role == "cases":
    for case in fuzzing.Cases:
        say(case.__name__[len(fuzzing.CaseBasename) :].replace("_", "."))
else:
    reports, rest = rest[0], rest[1:]
    if role == "client":
        Client({"servers": [{"agent": "polywire", "url": rest[0]}], "outdir": reports, "cases": rest[1:]})
    else:
        serve(reports, rest)
    reactor.run()
