"""Rita recruits and pays in the admin: told the cost first, refused beyond the budget, orders settled by hand."""

import re
from decimal import Decimal

import pytest
from django.urls import reverse

from annotation.endpoints import serving
from annotation.endpoints.mturk import LocalMTurk
from annotation.models import Budget, OutboxEntry, Posting, Submission
from annotation.services import payments, postings
from annotation.services.outbox import deliver_outbox
from tests.annotation import market
from tests.annotation.making import make_study
from tests.annotation.postings_made import make_posting, paid_study, publish, work_at_mturk

pytestmark = pytest.mark.django_db
MODELS = ["budget", "posting", "submission", "outboxentry"]


@pytest.fixture
def url(settings):
    with serving.running(LocalMTurk()) as address:
        settings.MTURK_ENDPOINT_URL = address
        yield address


def filled(study, **changes):
    return {
        "study": study.pk,
        "recruiter": "mturk",
        "n_places": 3,
        "reward": "0.50",
        "batches_per_place": 1,
        "title": "Faces",
        "description": "Compare faces",
        "keywords": "",
        "minutes": 10,
        "minutes_allowed": 60,
        "days_open": 14,
        "approved_cost": "",
    } | changes


def text(response):
    return response.content.decode()


def act(client, model, action, *rows):
    page = reverse(f"admin:annotation_{model}_changelist")
    return text(client.post(page, {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True))


def test_a_budget_is_approved_by_somebody(researcher_client, rita):
    study = make_study()
    page = reverse("admin:annotation_budget_add")
    researcher_client.post(page, {"study": study.pk, "amount": "20.00", "currency": "USD"})
    budget = Budget.objects.get()
    assert (budget.amount, budget.approved_by) == (Decimal("20.00"), rita)
    assert "20.00 USD" in text(researcher_client.get(reverse("admin:annotation_budget_changelist")))


def test_the_cost_is_told_before_and_must_be_approved(researcher_client, url, rita):
    study, page = paid_study(), reverse("admin:annotation_posting_add")
    for wrong in ("", "1.79"):
        told = text(researcher_client.post(page, filled(study, approved_cost=wrong)))
        assert "This costs 1.80 with all fees; 100.00 of the study" in told
    assert not Posting.objects.exists()
    answer = researcher_client.post(page, filled(study, approved_cost="1.80"), follow=True)
    assert "The order is written" in text(answer)
    posting = Posting.objects.get()
    assert (posting.created_by, posting.state) == (rita, "pending")
    deliver_outbox()
    posting.refresh_from_db()
    assert posting.state == "open"
    change = reverse("admin:annotation_posting_change", args=[posting.pk])
    assert "This costs 1.20" in text(researcher_client.post(change, {"n_places": 5, "approved_cost": ""}))
    researcher_client.post(change, {"n_places": 5, "approved_cost": "1.20", "reward": "9.00"})
    posting.refresh_from_db()
    assert (posting.n_places, posting.reward, posting.cost) == (5, Decimal("0.50"), Decimal("3.00"))


def test_a_form_that_is_sent_twice_publishes_once(researcher_client, url):
    study, page = paid_study(), reverse("admin:annotation_posting_add")
    decision = re.search(r'name="decision" value="([^"]+)"', text(researcher_client.get(page)))[1]
    form = filled(study, decision=decision, approved_cost="1.80")
    for _ in range(2):
        assert "The order is written" in text(researcher_client.post(page, form, follow=True))
    assert Posting.objects.count() == OutboxEntry.objects.count() == 1
    other = re.search(r'name="decision" value="([^"]+)"', text(researcher_client.get(page)))[1]
    researcher_client.post(page, form | {"decision": other})
    assert Posting.objects.count() == 2  # a form that was opened anew is another decision
    assert "Enter a valid UUID" in text(researcher_client.post(page, form | {"decision": "x"}))


def test_each_reason_pays_one_bonus(researcher_client, url):
    posting = publish(paid_study())
    work_at_mturk(url, posting, "A1ALICE")
    postings.collect_submissions(posting)
    alice = Submission.objects.get()

    def pay(**given):
        form = {"action": "bonus", "_selected_action": [alice.pk], "bonus": "0.25", "reason": "Thank you."} | given
        return text(researcher_client.post(reverse("admin:annotation_submission_changelist"), form, follow=True))

    for _ in range(2):
        assert "1 bonus is ordered" in pay()
    bonus = OutboxEntry.objects.get(kind="bonus")
    assert (bonus.amount, bonus.cost, bonus.reason) == (Decimal("0.25"), Decimal("0.30"), "Thank you.")
    assert "was ordered as 0.25" in pay(bonus="0.50")
    assert "needs a reason" in pay(reason=" ")
    for wrong in ("", "much", "-1", "0.001", "NaN"):
        assert "expected a positive amount" in pay(bonus=wrong)
    assert "of the study&#x27;s budget of 100.00" in pay(bonus="500", reason="Wow")
    pay(reason="For the second round")
    assert OutboxEntry.objects.filter(kind="bonus").count() == 2


def test_what_cannot_be_is_said_in_a_sentence(researcher_client, url, settings):
    page = reverse("admin:annotation_posting_add")
    poor = paid_study(budget="1.00")
    answer = text(researcher_client.post(page, filled(poor, approved_cost="1.80"), follow=True))
    assert "1.00 are left" in answer
    draft = text(researcher_client.post(page, filled(paid_study(is_open=False), approved_cost="1.80"), follow=True))
    assert "open it before" in draft
    assert "two decimals" in text(researcher_client.post(page, filled(poor, reward="0")))
    assert "at least" in text(researcher_client.post(page, filled(poor, n_places=0)))
    settings.MTURK_ENDPOINT_URL = ""
    assert "closed on 30 September 2026" in text(researcher_client.post(page, filled(poor)))
    assert not Posting.objects.exists()


def test_the_cost_of_growing_beyond_nine_is_told(url):
    posting = publish(paid_study(), n_places=5)
    assert postings.extension_cost(posting, 5) == 0
    assert postings.extension_cost(posting, 8) == Decimal("1.80")
    assert postings.extension_cost(posting, 12) == Decimal("4.20")  # 4 here and 3 in a HIT beside, 0.60 each
    before = payments.spending(posting.study).committed
    postings.extend_posting(posting, 12)
    assert payments.spending(posting.study).committed - before == Decimal("4.20")


def test_submissions_are_decided_and_work_is_never_refused(researcher_client, url):
    posting = publish(paid_study())
    work_at_mturk(url, posting, "A1ALICE")
    market.submit(url, market.accept(url, "A1BOB", posting.external_id)["assignment_id"])
    assert "1 posting was read" in act(researcher_client, "posting", "collect", posting)
    alice, bob = Submission.objects.order_by("pk")
    answer = act(researcher_client, "submission", "reject", alice, bob)
    assert "1 person did the work and is paid" in answer
    assert set(OutboxEntry.objects.filter(kind="reject").values_list("submission", flat=True)) == {bob.pk}
    assert "order to reject" in act(researcher_client, "submission", "approve", bob)
    act(researcher_client, "posting", "close", posting)
    deliver_outbox()
    posting.refresh_from_db()
    assert posting.state == "closed"


def test_orders_are_settled_by_hand_and_ordered_again(researcher_client, url):
    market.deposit(url, "0.10")
    make_posting(paid_study())
    deliver_outbox()
    entry = OutboxEntry.objects.get()
    assert "sufficient funds" in text(researcher_client.get(reverse("admin:annotation_outboxentry_changelist")))
    market.deposit(url, "10.00")
    assert "1 order waits to be sent" in act(researcher_client, "outboxentry", "again", entry)
    assert "only what has failed" in act(researcher_client, "outboxentry", "again", entry)
    OutboxEntry.objects.update(state="unknown")
    assert "1 order has failed" in act(researcher_client, "outboxentry", "not_happened", entry)
    assert "outcome is unknown" in act(researcher_client, "outboxentry", "happened", entry)
    shown = text(researcher_client.get(reverse("admin:annotation_outboxentry_change", args=[entry.pk])))
    assert entry.token not in shown


@pytest.mark.parametrize("model", MODELS)
def test_strangers_and_staff_without_rights_stay_outside(client, url, django_user_model, model):
    make_posting(paid_study())
    page = reverse(f"admin:annotation_{model}_changelist")
    assert client.get(page).status_code == 302
    client.force_login(django_user_model.objects.create_user("carol", password="a long pass phrase", is_staff=True))
    assert client.get(page).status_code == 403
    client.post(page, {"action": "again", "_selected_action": [OutboxEntry.objects.get().pk]})
    assert OutboxEntry.objects.get().state == "pending"


@pytest.mark.parametrize("model", MODELS)
def test_nothing_about_money_is_deleted(researcher_client, url, model):
    posting = publish(paid_study())
    work_at_mturk(url, posting, "A1ALICE")
    row = {"budget": Budget, "posting": Posting, "submission": Submission, "outboxentry": OutboxEntry}[model]
    page = reverse(f"admin:annotation_{model}_delete", args=[row.objects.first().pk])
    assert researcher_client.post(page, {"post": "yes"}).status_code == 403


def test_a_posting_that_is_over_says_why_and_cannot_be_extended(researcher_client, url):
    posting = publish(paid_study(), n_places=2)
    page = reverse("admin:annotation_posting_change", args=[posting.pk])
    assert 'name="_save"' in text(researcher_client.get(page))
    market.client(url).update_expiration_for_hit(HITId=posting.external_id, ExpireAt=0)
    act(researcher_client, "posting", "collect", posting)
    shown = text(researcher_client.get(page))
    assert "Closed" in shown and "It is over at Mechanical Turk" in shown
    assert 'name="_save"' not in shown and 'name="n_places"' not in shown
    answer = researcher_client.post(page, {"n_places": 5, "approved_cost": "1.80"}, follow=True)
    assert "only an open posting is extended" in text(answer)
    posting.refresh_from_db()
    assert posting.n_places == 2
