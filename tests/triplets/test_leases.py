"""A worker's pulse from a second thread: it beats beside the work, and never waits for the work's own transaction."""

import threading
import time

import pytest
from django.db import connection, transaction

from triplets.heartbeat import Heartbeat, Order
from triplets.models import Errand
from triplets.services import leases


def claimed() -> leases.Lease:
    return leases.claim(Errand, Errand.objects.create(kind="import").pk, patience_seconds=60)


def aside(lease) -> Order:
    """Return what a second thread hears."""
    heard = []
    thread = threading.Thread(target=lambda: heard.append(lease.renew(doing="beating")))
    thread.start()
    thread.join()
    return heard[0]


@pytest.mark.django_db
def test_work_that_is_silent_within_an_open_transaction_goes_on(caplog):
    lease = claimed()
    with Heartbeat(lambda progress: lease.renew(), silence_seconds=0.04, every_seconds=0.01) as heart:
        for _ in range(3):
            time.sleep(0.1)  # the second thread is due: it can neither write nor see what was claimed here
            heart.report("step")
            assert heart.order is Order.GO
    assert lease.close(status="finished")
    assert "no heartbeat" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_second_thread_beats_beside_the_work_but_not_against_its_transaction(caplog):
    lease = claimed()
    assert aside(lease) is Order.GO and Errand.objects.get().doing == "beating"
    with transaction.atomic():
        Errand.objects.update(n_done=1, doing="")
        if connection.vendor == "sqlite":
            assert aside(lease) is Order.GO
    assert "no heartbeat" not in caplog.text
    Errand.objects.update(lease_token="another worker's")
    assert aside(lease) is Order.LOST
