import threading
import time

from triplets.heartbeat import Heartbeat, Order


class Row:
    """Records what is written and answers with an order."""

    def __init__(self, order=Order.GO):
        self.order, self.written, self.threads = order, [], set()

    def __call__(self, progress):
        self.written.append(progress)
        self.threads.add(threading.current_thread().name)
        return self.order


def test_the_newest_progress_is_written_but_not_each():
    row = Row()
    with Heartbeat(row, every_seconds=0.2, silence_seconds=60) as heart:
        started = time.monotonic()
        step = 0
        while time.monotonic() - started < 0.5:
            step += 1
            heart.report(step)
            assert not heart.should_stop()
    assert row.written[0] == 1
    assert 2 <= len(row.written) <= 4
    assert row.written == sorted(row.written)


def test_silent_work_beats_from_a_second_thread():
    row = Row()
    with Heartbeat(row, every_seconds=0.01, silence_seconds=0.1):
        time.sleep(0.5)
    assert len(row.written) >= 2
    assert row.written == [None] * len(row.written)
    assert row.threads == {"heartbeat"}


def test_work_that_reports_is_not_beaten_for():
    row = Row()
    with Heartbeat(row, every_seconds=0, silence_seconds=10) as heart:
        for step in range(5):
            heart.report(step)
    assert row.written == [0, 1, 2, 3, 4]


def test_an_order_to_stop_reaches_the_work():
    row = Row()
    with Heartbeat(row, every_seconds=0) as heart:
        assert not heart.should_stop()
        row.order = Order.STOP
        assert heart.should_stop()


def test_nothing_is_written_once_the_lease_is_lost():
    row = Row(Order.LOST)
    with Heartbeat(row, every_seconds=0, silence_seconds=0.05) as heart:
        heart.report(1)
        heart.report(2)
        time.sleep(0.2)
        assert heart.should_stop()
    assert row.written == [1]


def test_the_thread_ends_with_the_work():
    with Heartbeat(Row()) as heart:
        thread = heart._thread
    assert not thread.is_alive()
