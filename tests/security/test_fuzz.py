"""Forms and JSON filled with anything at all: never a crash, never a row that is half written."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.forms import Form
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.models import Evaluation, RetrainingPolicy
from annotation.models import Assignment, Budget, Participation, Posting, Response, Study
from annotation.services import links
from annotation.services.assignments import claim_assignment
from learning.models import Run, Search
from tests.annotation.making import enter, make_study
from tests.security.world import client_of
from triplets.models import Errand, Question, ReleaseToken
from triplets.services.errands import do_errand

pytestmark = pytest.mark.django_db
anything = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
NASTY = ["", "0", "-1", "1e999", "nan", "9" * 400, "\x00", "\ud800".encode("utf-16", "surrogatepass").decode("latin-1"),
         "left", "true", "[]", "²", "١", "' OR 1=1 --", "{{ 7 }}", "\u202e", "None", "2147483648",
         "9223372036854775808"]  # fmt: skip
texts = st.sampled_from(NASTY) | st.text(max_size=30) | st.integers().map(str)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
PEOPLES_FIELDS = [
    "version",
    "agree",
    "position",
    "choice",
    "rating",
    "label",
    "assignment",
    "response_ms",
    "latency_ms",
    "about_0",
    "about_1",
    "about_9",
]
AGE = [{"name": "Age", "options": ["18-29", "older"]}]


UPLOADED = {"file", "manifest", "pictures", "landmarks"}
MADE_BY_FORMS = [Study, Budget, Posting, ReleaseToken, Run, Search, RetrainingPolicy, Evaluation]
#: Nearly a file of judgements.
lines = st.lists(
    st.sampled_from(
        ["reference,first,second,chosen,worker", "s000,s001,s002,s001,w1", "s000,s001,s002,x,w1", ",,,,", '"']
    ),
    max_size=4,
).map(lambda found: "\n".join(found).encode())


def people():
    """Return people of a study of each kind, made once for all tries of a test."""
    if not Participation.objects.exists():
        for kind in ("triplet", "rating", "choice"):
            study = make_study(kind=kind, n_questions=3, n_practice=2, demographics=AGE)
            claim_assignment(study, enter(study, kind).annotator)
            enter(study, f"newcomer {kind}", is_ready=False)
    return list(Participation.objects.select_related("study", "annotator").order_by("pk"))


def check_rows():
    """What must hold whatever was sent: counters that agree with the rows, answers that are whole."""
    for assignment in Assignment.objects.all():
        assert assignment.n_answered == Response.objects.filter(assignment=assignment).count()
    for participation in Participation.objects.all():
        assert participation.n_responses == Response.objects.filter(annotator=participation.annotator_id).count()
    for participation in Participation.objects.exclude(demographics={}):
        assert participation.demographics in ({"Age": "18-29"}, {"Age": "older"})
    for response in Response.objects.select_related("question", "study"):
        if response.question.kind == Question.Kind.TRIPLET:
            assert response.choice in ("first", "second") and response.rating is None
        elif response.question.kind == Question.Kind.CHOICE:
            assert response.label in response.study.options
        else:
            assert response.study.scale_low <= response.rating <= response.study.scale_high


@settings(max_examples=70, **anything)
@given(data=st.data())
def test_people_send_anything(data, client):
    person = data.draw(st.sampled_from(people()))
    name = data.draw(st.sampled_from(["consent", "about", "practice", "questions", "responses", "another"]))
    url = reverse(f"annotation:{name}", args=[links.participation_token(person)])
    mine = Assignment.objects.filter(participation=person).values_list("pk", flat=True).first() or 1
    likely = {"assignment": st.just(str(mine)), "position": st.integers(-1, 7).map(str),
              "choice": st.sampled_from(["left", "right"]), "rating": st.integers(-1, 11).map(str),
              "label": st.sampled_from(["happy", "sad"]), "about_0": st.just("older")}  # fmt: skip
    is_json = data.draw(st.booleans())
    inputs = values if is_json else texts
    chosen = data.draw(st.lists(st.sampled_from(PEOPLES_FIELDS), unique=True))
    sent = {field: data.draw(likely.get(field, inputs) | inputs, label=field) for field in chosen}
    if is_json:
        response = client.post(url, json.dumps(sent), content_type="application/json")
    else:
        response = client.post(url, sent)
    assert response.status_code in (200, 302, 400, 403, 409)
    check_rows()


@settings(max_examples=15, **anything)
@given(query=st.dictionaries(texts | st.sampled_from(["position", "assignmentId", "workerId"]), texts, max_size=3))
def test_addresses_have_anything_behind_them(query, client):
    for person in people():
        for name in ("take", "instructions", "practice", "questions", "thanks", "assignment"):
            url = reverse(f"annotation:{name}", args=[links.participation_token(person)])
            assert client.get(url, query).status_code in (200, 302, 403, 409)
    check_rows()


@settings(max_examples=60, **anything)
@given(token=st.text(min_size=1, max_size=80).filter(lambda text: "/" not in text and text not in (".", "..")))
def test_tokens_are_anything(token, client):
    for name in ("annotation:join", "annotation:take", "annotation:assignment", "annotation:enter_mturk",
                 "annotation:enter_prolific", "triplets:picture"):  # fmt: skip
        assert client.get(reverse(name, args=[token])).status_code == 404


@settings(max_examples=25, **anything)
@given(data=st.data())
def test_researchers_send_anything(data, world):
    """Every form of the admin that adds or changes: refused with words, or carried out whole."""
    client = client_of_once()
    name, pk = data.draw(st.sampled_from([
        ("annotation_study_add", None), ("annotation_study_settings", world.study.pk), ("learning_run_add", None),
        ("triplets_collection_change", world.study.collection_id), ("triplets_releasetoken_add", None),
        ("annotation_budget_add", None), ("annotation_posting_add", None), ("analysis_evaluation_add", None),
        ("triplets_collection_add", None), ("learning_search_add", None), ("analysis_retrainingpolicy_add", None),
        ("triplets_questionset_change", world.study.question_set_id),
    ]))  # fmt: skip
    url = reverse(f"admin:{name}", args=[pk] if pk else [])
    shown = client.get(url).context
    forms = [shown["adminform"].form] if shown and "adminform" in shown else []
    forms += [value for layer in shown or () for value in layer.flatten().values() if isinstance(value, Form)]
    fields = sorted({name for form in forms for name in form.fields}) or ["changes", "seed", "recipe"]
    chosen = data.draw(st.lists(st.sampled_from(fields), unique=True))
    likely = st.sampled_from([str(world.study.collection_id), "triplet", "a-name", "5", "0.5", "gold"])
    sent = {field: data.draw(likely | texts, label=field) for field in chosen}
    for name in UPLOADED & set(chosen):
        sent[name] = SimpleUploadedFile("x", data.draw(st.binary(max_size=60) | lines, label=name))
    with transaction.atomic():
        before = {model: set(model.objects.values_list("pk", flat=True)) for model in MADE_BY_FORMS}
        assert client.post(url, sent).status_code in (200, 302)
        for model, known in before.items():
            for row in model.objects.exclude(pk__in=known):
                row.full_clean(validate_unique=False, validate_constraints=True)  # whole, or not there
        transaction.set_rollback(True)


@settings(max_examples=25, **anything)
@given(data=st.data())
def test_buttons_are_pressed_with_anything(data, world):
    """What is begun ends as done or as a sentence, and what is refused leaves nothing."""
    client = client_of_once()
    action = data.draw(st.sampled_from(["questions", "import", "freeze", "settle", "open", "close", "resume", "x"]))
    sent = {name: data.draw(texts, label=name) for name in ("same", "different", "seed")}
    if data.draw(st.booleans()):
        sent["file"] = SimpleUploadedFile(data.draw(texts) or "x", data.draw(st.binary(max_size=80) | lines))
    with transaction.atomic():
        n = Response.objects.count()
        pressed = client.post(reverse("admin:annotation_study_do", args=[world.study.pk, action]), sent)
        assert pressed.status_code == (404 if action == "x" else 302)
        for errand in Errand.objects.filter(status="queued"):
            ended = do_errand(errand.pk)
            errand.refresh_from_db()
            assert (errand.status, bool(errand.message)) == (ended, True)
            assert ended == "finished" or Response.objects.count() == n
            assert "Error:" not in errand.message, errand.message  # a sentence, not a stumble
        transaction.set_rollback(True)


@settings(max_examples=15, **anything)
@given(query=st.dictionaries(st.sampled_from(["q", "o", "p", "all", "e", "state", "kind", "_to_field"]) | texts,
                             texts, max_size=3))  # fmt: skip
def test_lists_are_asked_for_anything(query, researcher_client):
    for name in ("annotation_study", "triplets_stimulus", "annotation_participation", "learning_run"):
        page = reverse(f"admin:{name}_changelist")
        assert researcher_client.get(page, query).status_code in (200, 302, 400)
    for name in ("triplets:releases", "analysis:reports"):
        assert researcher_client.get(reverse(name), query).status_code in (200, 400, 404)


def client_of_once():
    from django.contrib.auth.models import User

    User.objects.filter(username="researcher").delete()
    return client_of("researcher")
