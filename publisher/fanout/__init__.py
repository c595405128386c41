"""The fan-out: a ring of encoded frames and a cursor a reader.

A frame is encoded once, compressed once and framed for HTTP/1.1 once for all readers who get the same bytes. Readers
are written to in rounds, each with all that is due to it in one write: an idle stream sends at once, a burst is joined,
and frames that arrive during a round are joined for those whose turn is still to come. A round yields to the loop every
few milliseconds. No reader has a task or a queue; one that pushes back leaves the rounds and costs nobody anything.
"""

from publisher.fanout.fanout import SLOW_SECONDS, TURN_SECONDS, Backlog, Fanout
from publisher.fanout.form import Form, chunk, deflate, stored
from publisher.fanout.frames import EncodedFrame, Sieve
from publisher.fanout.reader import Outlet, Reader
from publisher.fanout.ring import Ring

__all__ = [
    "SLOW_SECONDS",
    "TURN_SECONDS",
    "Backlog",
    "EncodedFrame",
    "Fanout",
    "Form",
    "Outlet",
    "Reader",
    "Ring",
    "Sieve",
    "chunk",
    "deflate",
    "stored",
]
