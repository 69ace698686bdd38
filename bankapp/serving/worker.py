"""A gunicorn worker that waits for clients in one place, and runs the application only on whole requests."""

from __future__ import annotations

import errno
import os
import select
import selectors
import socket
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

from gunicorn.workers import base

from bankapp.api import operations, refusals
from bankapp.api.parking import Park
from bankapp.api.refusals import Refusal
from bankapp.serving.connection import Connection
from bankapp.serving.exchange import Exchange, Exchanger
from bankapp.serving.framing import IncomingRequest
from bankapp.serving.parking import ParkedRequests, fitting

REQUEST_SECONDS: Final = 30.0
"""Within this a request must have arrived whole."""
ANSWER_SECONDS: Final = 60.0
"""Within this a client must have taken its answer."""
DISCARD_SECONDS: Final = 2.0
"""So long a client that was refused may go on sending before its connection is closed."""
STOP_ACCEPT_SECONDS: Final = 0.5
"""So long a stopping worker accepts connections whose handshake had begun."""
STOP_REQUEST_SECONDS: Final = 2.0
"""So long a stopping worker waits for requests that have not arrived whole."""
MAX_BUFFERED_BYTES: Final = 64 * 1024 * 1024
"""So much a worker holds of requests that have not arrived whole."""
FIRST_BYTE_MS: Final = 20
IMPATIENT_SECONDS: Final = 1.0
"""See ``BufferingWorker._first_byte_comes``."""
ACCEPTED_IN_A_ROW: Final = 8
"""So many connections are accepted before the worker looks at those that wait."""
READ_BYTES: Final = 64 * 1024

_TIMED_OUT: Final = Refusal(408, f"The request did not arrive within {REQUEST_SECONDS:.0f} seconds.")
_STOPPING: Final = Refusal(503, "The service is about to stop.")
_OUT_OF_DESCRIPTORS: Final = (errno.EMFILE, errno.ENFILE)


class BufferingWorker(base.Worker):
    """Accepts, reads and writes in one thread that never blocks on a client.

    With one thread the application runs in that thread, too; with ``threads`` more it runs in a pool of as many.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.alive: bool
        self.sockets: list[Any]
        self._pool: ThreadPoolExecutor | None = None
        # Connections that wait for their client, the longest first.
        self._waiting: dict[Connection, None] = {}
        self._ready: deque[Connection] = deque()
        self._answered: deque[Connection] = deque()
        self._running = 0
        self._served_again: Connection | None = None
        self._buffered_bytes = 0
        self._evicted = 0
        self._is_listening = False
        self._next_sweep = 0.0
        self._impatient_until = 0.0
        self._addresses: dict[Any, Any] = {}

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:  # noqa: ARG003 - gunicorn's hook
        """End the start if gunicorn is to serve TLS, which this worker leaves to a proxy."""
        if cfg.is_ssl:
            sys.exit("bankapp: certfile and keyfile are not served; let a proxy end TLS")

    def load_wsgi(self) -> None:
        """Load the application and teach it the server's refusals."""
        super().load_wsgi()
        refusals.init_app(self.wsgi)
        largest = max(operation.body_limit_bytes or 0 for operation in operations.every())
        self._max_body_bytes = max(largest, self.wsgi.config["BANKAPP"].body_limit_bytes)
        self._exchanger = Exchanger(self.wsgi, self.cfg, self.log, self._max_body_bytes)
        cap = fitting(self.wsgi.config["BANKAPP"].event_stream_connections, self.cfg.worker_connections, self.log)
        self._parked = ParkedRequests(self.wsgi, self.log, cap, self._wake_up)

    def run(self) -> None:
        """Serve until told to stop; then answer what was sent before, and end."""
        # Made here because gunicorn makes the worker before it forks.
        self._poller = selectors.DefaultSelector()
        if self.cfg.threads > 1:
            self._pool = ThreadPoolExecutor(self.cfg.threads)
        for listener in self.sockets:
            listener.setblocking(False)
            self._addresses[listener] = listener.getsockname()
        self._poller.register(self.PIPE[0], selectors.EVENT_READ, (self._wake, None))
        while self.alive:
            self._turn(timeout_seconds=1.0)
            if self.ppid != os.getppid():
                self.log.info("Parent changed, shutting down: %s", self)
                break
        self.alive = False
        self._finish()

    def _turn(self, timeout_seconds: float) -> None:
        self.notify()
        # A busy worker leaves new connections to the others.
        self._listen(wanted=self._running < self.cfg.threads)
        if self._ready or self._answered:
            timeout_seconds = 0
        elif self._served_again is None:
            timeout_seconds = self._parked.seconds_to_next(timeout_seconds)
        for key, _ in self._poller.select(timeout_seconds):
            act, argument = key.data
            act(argument)
        while self._answered:
            self._running -= 1
            connection = self._answered.popleft()
            if connection is self._served_again:
                self._served_again = None
            self._follow_up(connection)
        if self._ready:
            self._serve(self._ready.popleft())
        # One at a time: listeners hold at most one thread, and requests come between.
        if self._served_again is None and (due := self._parked.next_due()) is not None:
            self._serve_again(due)
        now = time.monotonic()
        if now >= self._next_sweep:
            self._next_sweep = now + 1
            self._sweep(now)

    def _wake(self, _: None) -> None:
        with suppress(BlockingIOError):
            os.read(self.PIPE[0], 4096)

    def _listen(self, *, wanted: bool) -> None:
        if wanted == self._is_listening:
            return
        self._is_listening = wanted
        for listener in self.sockets:
            if wanted:
                self._poller.register(listener, selectors.EVENT_READ, (self._accept, listener))
            else:
                self._poller.unregister(listener)

    # Connections

    def _accept(self, listener: Any) -> None:
        """Accept a connection and serve its request; go on while each request has come with its connection."""
        for _ in range(ACCEPTED_IN_A_ROW):
            connection = self._accepted(listener)
            if connection is None:
                return
            self._read(connection)
            if self._pool is not None or connection in self._waiting:
                return

    def _first_byte_comes(self, client: socket.socket) -> bool:
        """Wait a moment for the request of a new connection, and tell whether its first bytes have come.

        Most requests follow their connection at once. A worker with one thread that took further connections meanwhile
        would make them wait for each other while other workers are idle. A client that lets the moment pass ends this
        wait for all others for a while.
        """
        if self._pool is not None or time.monotonic() < self._impatient_until:
            return False
        first_byte = select.poll()
        first_byte.register(client, select.POLLIN)
        if first_byte.poll(FIRST_BYTE_MS):
            return True
        self._impatient_until = time.monotonic() + IMPATIENT_SECONDS
        return False

    def _accepted(self, listener: Any) -> Connection | None:
        """Return the next connection in the listener's queue, if there is one."""
        try:
            sock, peer = listener.accept()
        except OSError as problem:
            if problem.errno in _OUT_OF_DESCRIPTORS and self._waiting:
                self._evict()
            elif problem.errno not in (*_OUT_OF_DESCRIPTORS, errno.EAGAIN, errno.ECONNABORTED):
                raise
            return None
        sock.setblocking(False)
        connection = Connection(sock, peer, self._addresses[listener], IncomingRequest(self._max_body_bytes))
        connection.deadline = time.monotonic() + REQUEST_SECONDS
        return connection

    def _wait(self, connection: Connection, event: int, seconds: float | None, act: Any) -> None:
        if seconds is not None:
            connection.deadline = time.monotonic() + seconds
        self._poller.register(connection.sock, event, (act, connection))
        self._waiting[connection] = None
        self._buffered_bytes += len(connection.incoming.buffer)
        while len(self._waiting) > self.cfg.worker_connections or self._buffered_bytes > MAX_BUFFERED_BYTES:
            self._evict()

    def _resume(self, connection: Connection) -> None:
        if connection in self._waiting:
            del self._waiting[connection]
            self._poller.unregister(connection.sock)
            self._buffered_bytes -= len(connection.incoming.buffer)
        elif connection in self._parked:
            connection.wait = self._parked.remove(connection)
            self._poller.unregister(connection.sock)

    def _evict(self) -> None:
        self._evicted += 1
        self._close(next(iter(self._waiting)))

    def _close(self, connection: Connection) -> None:
        self._resume(connection)
        if (stream := connection.stream) is not None and connection.sock.fileno() >= 0:
            stream.log_end()
        if connection.exchange is not None:
            connection.exchange.answer.close()
        connection.sock.close()

    def _sweep(self, now: float) -> None:
        for connection in [one for one in self._waiting if one.deadline <= now]:
            self._expire(connection, _TIMED_OUT)
        if self._evicted:
            self.log.warning("closed %s connections without a whole request to make room for others", self._evicted)
            self._evicted = 0

    def _expire(self, connection: Connection, refusal: Refusal) -> None:
        """End a connection whose client let its time pass, with an answer if a part of a request has come."""
        if connection.exchange is not None or not connection.incoming.buffer:
            self._close(connection)
            return
        self._resume(connection)
        raw = bytes(connection.incoming.buffer)
        connection.exchange = self._exchanger.refuse(refusal, raw, connection.peer, connection.server)
        self._follow_up(connection)

    # From request to answer

    def _read(self, connection: Connection) -> None:
        incoming = connection.incoming
        try:
            data = connection.sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            if connection in self._waiting:
                return
            if self._first_byte_comes(connection.sock):
                self._read(connection)
            else:
                self._wait(connection, selectors.EVENT_READ, None, self._read)
            return
        except OSError:
            self._close(connection)
            return
        if not data and not incoming.buffer:
            self._close(connection)
            return
        if data:
            if not incoming.buffer and connection.exchange is not None:
                # The next request on a connection that was kept.
                connection.exchange = None
                connection.deadline = time.monotonic() + REQUEST_SECONDS
            was_waiting = connection in self._waiting
            incoming.feed(data)
            if was_waiting:
                self._buffered_bytes += len(data)
            if not incoming.is_whole:
                self._await_rest(connection)
                return
        self._serve(connection)

    def _await_rest(self, connection: Connection) -> None:
        if connection.incoming.expects_continue:
            connection.incoming.expects_continue = False
            with suppress(OSError):
                connection.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if connection not in self._waiting:
            self._wait(connection, selectors.EVENT_READ, None, self._read)
        else:
            while self._buffered_bytes > MAX_BUFFERED_BYTES:
                self._evict()

    def _serve(self, connection: Connection) -> None:
        self._resume(connection)
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        self._run_application(connection)

    def _run_application(self, connection: Connection) -> None:
        connection.served_at = time.monotonic()
        if self._pool is None:
            self._answer(connection)
            self._follow_up(connection)
        else:
            self._running += 1
            self._pool.submit(self._answer_in_pool, connection)

    def _answer(self, connection: Connection) -> None:
        keep_alive = self.alive and self.cfg.keepalive > 0
        offer = self._parked.offer(connection.wait, is_stopping=not self.alive)
        try:
            connection.exchange = self._exchanger.answer(
                connection.incoming, connection.peer, connection.server, keep_alive=keep_alive, offer=offer
            )
        except Exception:
            # Not even a refusal could be made. The connection is closed; the worker goes on.
            self.log.exception("Error handling request")

    def _answer_in_pool(self, connection: Connection) -> None:
        self._answer(connection)
        if connection.exchange is not None:
            # The client has its answer before the other thread wakes; that one finishes the sending and sees an error.
            with suppress(OSError):
                connection.exchange.answer.send_to(connection.sock)
        self._answered.append(connection)
        self._wake_up()

    def _wake_up(self) -> None:
        # A full pipe wakes the worker's thread as well.
        with suppress(BlockingIOError):
            os.write(self.PIPE[1], b".")

    def _follow_up(self, connection: Connection) -> None:
        """Send what the client takes of the answer; when it has taken all of it, close the connection or keep it."""
        exchange = connection.exchange
        # A connection that was closed for want of room may have an event left in this turn.
        if exchange is None or connection.sock.fileno() < 0:
            self._close(connection)
            return
        self._resume(connection)
        try:
            is_sent = exchange.answer.send_to(connection.sock)
        except OSError:
            self._close(connection)
            return
        if not is_sent:
            self._wait(connection, selectors.EVENT_WRITE, ANSWER_SECONDS, self._follow_up)
        elif exchange.park is not None:
            self._park(connection, exchange.park)
        elif exchange.keep_alive:
            self._keep(connection, exchange)
        elif exchange.is_read and not exchange.rest:
            self._close(connection)
        else:
            self._discard_rest(connection)

    def _keep(self, connection: Connection, exchange: Exchange) -> None:
        exchange.answer.close()
        connection.wait = None
        connection.incoming = IncomingRequest(self._max_body_bytes)
        if exchange.rest:
            connection.exchange = None
            connection.incoming.feed(exchange.rest)
        if connection.incoming.is_whole:
            self._ready.append(connection)
        else:
            seconds = REQUEST_SECONDS if exchange.rest else self.cfg.keepalive
            self._wait(connection, selectors.EVENT_READ, seconds, self._read)

    def _discard_rest(self, connection: Connection) -> None:
        """Close for sending, and read until the client closes, too.

        Closing at once while the client still sends would reset the connection, and the answer with it (RFC 9112
        section 9.6).
        """
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(connection)
            return
        connection.incoming = IncomingRequest(0)
        self._wait(connection, selectors.EVENT_READ, DISCARD_SECONDS, self._discard)

    def _discard(self, connection: Connection) -> None:
        try:
            if connection.sock.recv(READ_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._close(connection)

    # Parked requests

    def _park(self, connection: Connection, park: Park) -> None:
        if not self.alive:
            self._end_wait(connection)
            return
        self._parked.add(connection, park, connection.served_at, connection.wait)
        self._poller.register(connection.sock, selectors.EVENT_READ, (self._read_parked, connection))

    def _read_parked(self, connection: Connection) -> None:
        """Close the connection if its client left; a next request that came early waits for the answer before it."""
        try:
            data = connection.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        connection.incoming.buffer += data
        if not data or len(connection.incoming.buffer) > 2 * READ_BYTES:
            self._close(connection)

    def _serve_again(self, connection: Connection) -> None:
        self._resume(connection)
        exchange, wait = connection.exchange, connection.wait
        if exchange is not None and wait is not None and wait.park.is_stream and not self._parked.can_be_served:
            connection.served_at = time.monotonic()
            connection.exchange = self._exchanger.heartbeat(exchange)
            self._follow_up(connection)
            return
        if self._pool is not None:
            self._served_again = connection
        self._run_application(connection)

    def _end_wait(self, connection: Connection) -> None:
        """End a stream; let a request that is answered as a whole have its answer."""
        self._resume(connection)
        exchange = connection.exchange
        if exchange is not None and exchange.park is not None and exchange.park.is_stream:
            with suppress(OSError):
                connection.sock.send(exchange.end)
            self._close(connection)
        else:
            self._ready.append(connection)

    def _end_all_waits(self) -> None:
        self._parked.close()
        for connection in self._parked:
            self._end_wait(connection)
        for connection in [one for one in self._waiting if one.exchange is not None and one.exchange.park is not None]:
            # Its client does not take a part of a stream; it can resume at another server.
            self._close(connection)

    # The end

    def _finish(self) -> None:
        """Answer every request that was sent, and close the listeners when their queues are empty."""
        stopped = time.monotonic()
        end = stopped + max(self.cfg.graceful_timeout - 1, STOP_REQUEST_SECONDS)
        self._end_all_waits()
        while time.monotonic() < stopped + STOP_ACCEPT_SECONDS:
            self._turn(timeout_seconds=0.05)
        self._stop_listening()
        while time.monotonic() < stopped + STOP_REQUEST_SECONDS and self._has_work:
            self._turn(timeout_seconds=0.05)
        for connection in [one for one in self._waiting if one.exchange is None or not one.incoming.buffer]:
            # A busy worker may not have read yet what came in time.
            if connection.exchange is None:
                self._read(connection)
            if connection in self._waiting and not connection.incoming.is_whole:
                self._expire(connection, _STOPPING)
        while time.monotonic() < end and self._has_work:
            self._turn(timeout_seconds=0.05)
        for connection in list(self._waiting):
            self._close(connection)
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def _has_work(self) -> bool:
        return bool(self._waiting or self._running or self._ready or self._answered)

    def _stop_listening(self) -> None:
        """Close the listeners when their queues are empty; the requests of those in the queues are served later."""
        self._listen(wanted=False)
        # Where the kernel does not keep new connections away, the queue may never be empty.
        until = time.monotonic() + STOP_ACCEPT_SECONDS
        for listener in self.sockets:
            while time.monotonic() < until and (connection := self._accepted(listener)) is not None:
                self._wait(connection, selectors.EVENT_READ, None, self._read)
            listener.close()
        self.sockets.clear()
