"""The pulse of long work: says that it goes on, and hears whether it may."""

import threading
import time
from enum import Enum


class Order(Enum):
    """What the holder of the row says at a heartbeat."""

    GO = "go on"
    STOP = "somebody asked to stop: keep what there is"
    LOST = "another worker holds the work now: write nothing more"


class Heartbeat:
    """Calls `write` about once in `every_seconds` while work goes on, and remembers the order that it returns.

    write : (newest progress or None) -> Order. Called from the working thread whenever work reports or asks,
        and with None from a second thread when the work was silent for `silence_seconds` (reading data,
        one long step), never from both at once.

    is_aside : every writing is the second thread's, also while work reports: for work that holds a transaction, in
        which nothing could be written that others see.

    Once the order is LOST nothing is written again.

    >>> with Heartbeat(lambda progress: Order.STOP, every_seconds=0) as heart:
    ...     heart.report("step 1")
    ...     heart.should_stop()
    True
    """

    def __init__(self, write, *, every_seconds=1.0, silence_seconds=5.0, is_aside=False):
        self._write = write
        self._every = every_seconds
        self._silence = every_seconds if is_aside else silence_seconds
        self._is_aside = is_aside
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat_when_silent, name="heartbeat", daemon=True)
        self._latest = None
        self._written_at = float("-inf")
        self.order = Order.GO

    def __enter__(self):
        self._written_at = time.monotonic() - (0 if self._is_aside else self._every)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._ended.set()
        self._thread.join()

    def report(self, progress) -> None:
        """Keep the newest progress and write it when the last writing is long enough ago."""
        self._latest = progress
        self._beat_from_work()

    def beat_now(self, progress) -> None:
        """Write at once, from the working thread: before it begins what nobody can write beside."""
        with self._lock:
            if self.order is not Order.LOST:
                self._latest = None
                self.order = self._write(progress)
            self._written_at = time.monotonic()

    def should_stop(self) -> bool:
        """Return whether to stop, asking again when the last answer is old."""
        self._beat_from_work()
        return self.order is not Order.GO

    def _beat_from_work(self) -> None:
        if not self._is_aside:
            self._beat_if_older_than(self._every)

    def _beat_if_older_than(self, seconds) -> None:
        if time.monotonic() - self._written_at < seconds:
            return
        with self._lock:
            if self.order is not Order.LOST:
                progress, self._latest = self._latest, None
                self.order = self._write(progress)
            self._written_at = time.monotonic()

    def _beat_when_silent(self) -> None:
        while not self._ended.wait(min(self._silence / 4, 1.0)):
            self._beat_if_older_than(self._silence)
