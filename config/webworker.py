"""gunicorn's threaded worker, for a site that stands in the open, without a proxy before it."""

from gunicorn.workers.gthread import _DEFER, ThreadWorker


class WebWorker(ThreadWorker):
    """A connection waits for its first request without occupying a thread.

    Browsers open connections on suspicion and say nothing on them. gunicorn (27.0) lets each of them hold a thread for
    five seconds, so that as many as there are threads hold up everybody else; here the poller watches them, as it does
    connections between two requests, and closes them after the time that is given to keep-alive.
    """

    def handle(self, conn):
        if not conn.initialized and not conn.wait_for_data(0):
            return _DEFER
        return super().handle(conn)
