"""Errands for real: buttons of the admin, the broker without a server, a worker that is killed, and its successor."""

import json
import time

import pytest

from tests.working_site import Site

#: Makes a study and presses its buttons as a browser does; what they begin is left to whoever takes it from the queue.
PRESS = """
import json
import django
django.setup()
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from tests.annotation.making import make_collection, make_study, work
from triplets.models import Errand
call_command("migrate", verbosity=0)
rita = User.objects.create_user("rita", is_staff=True)
rita.groups.add(Group.objects.get(name="Researchers"))
study = make_study(name="smiles", collection=make_collection(size=8), n_questions=3, responses_per_question=1)
work(study)
client = Client(headers={"host": "localhost"})
client.force_login(rita)
csv = "reference,first,second,chosen,worker\\n" + "".join(f"s000,s001,s002,s001,w{i}\\n" for i in range(2000))
for action, data in (("import", {"file": SimpleUploadedFile("real.csv", csv.encode())}), ("freeze", {})):
    page = client.post(f"/admin/annotation/study/{study.pk}/do/{action}/", data)
    assert page.status_code == 302, page
print(json.dumps(sorted(Errand.objects.values_list("pk", flat=True))))
"""


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    for worker in site.workers:
        if worker.poll() is None:
            site.kill(worker)


def wait(site, until, seconds=90):
    deadline = time.monotonic() + seconds
    while not until(rows := site.rows("SELECT * FROM triplets_errand ORDER BY id")):
        assert time.monotonic() < deadline, (rows, site.logs())
        time.sleep(0.02)
    return rows


def test_a_worker_does_what_buttons_begin_and_its_successor_what_it_left(site):
    pks = json.loads(site.python("-c", PRESS))
    assert [row["status"] for row in wait(site, len)] == ["queued", "queued"]
    first = site.start_worker()
    wait(site, lambda rows: rows[0]["status"] == "running")
    site.kill(first)
    (left, _) = wait(site, len)
    assert left["status"] == "running"
    n_half_written = site.rows("SELECT count(*) AS n FROM annotation_importedfile")[0]["n"]
    assert n_half_written == 0
    site.start_worker()
    rows = wait(site, lambda rows: all(row["status"] in ("finished", "failed") for row in rows))
    assert [(row["id"], row["status"]) for row in rows] == [(pk, "finished") for pk in pks], rows
    assert rows[0]["message"].startswith("2,000 responses of 2,000 annotators to 1 question; ")
    assert rows[1]["release_id"] is not None
    assert "responses. SHA-256" in rows[1]["message"]
    (imported,) = site.rows("SELECT name, n_responses FROM annotation_importedfile")
    assert imported == {"name": "real.csv", "n_responses": 2000}
    wait(site, lambda rows: all(row["files"] == "{}" for row in rows))
    assert list((site.folder / "var" / "files" / "errands").iterdir()) == []
