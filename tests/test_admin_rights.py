"""Researchers run studies; they cannot touch accounts, groups or permissions (CVE-2026-23526)."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from config.admin import HOUSE, NOTES
from tests.annotation.making import make_study, work

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", ["user", "group"])
@pytest.mark.parametrize("page", ["changelist", "add"])
def test_a_researcher_cannot_reach_accounts(researcher_client, model, page):
    assert researcher_client.get(reverse(f"admin:auth_{model}_{page}")).status_code == 403


def test_a_researcher_cannot_become_superuser(researcher_client, rita):
    page = reverse("admin:auth_user_change", args=[rita.pk])
    assert researcher_client.post(page, {"username": "rita", "is_superuser": "on"}).status_code == 403
    rita.refresh_from_db()
    assert not rita.is_superuser
    assert not rita.has_perm("auth.change_user")


def test_the_front_page_of_the_admin_shows_the_flow(researcher_client):
    page = researcher_client.get(reverse("admin:index")).content.decode()
    assert "From faces to a published report" in page
    assert reverse("admin:triplets_collection_changelist") in page
    assert reverse("admin:auth_user_changelist") not in page


def test_a_form_without_its_token_is_refused_in_words():
    answer = Client(enforce_csrf_checks=True).post(reverse("admin:login"), {"username": "rita"})
    assert answer.status_code == 403
    page = answer.content.decode()
    assert "Nothing was changed." in page and "<style" not in page and "CSRF" not in page


def test_every_table_says_what_it_is(researcher_client):
    ours = {model._meta.label: model for model in admin.site._registry if model._meta.app_label in HOUSE}
    assert set(NOTES) == set(ours)
    front = researcher_client.get(reverse("admin:index")).content.decode()
    assert all(escape(note) in front for note in NOTES.values())
    rooms = [front.index(f'href="/admin/{room}/"') for room in HOUSE]
    assert rooms == sorted(rooms)  # in the order in which the data pass them
    runs = researcher_client.get(reverse("admin:learning_run_changelist")).content.decode()
    assert "<h1>Runs</h1>" in runs and NOTES["learning.Run"] in runs


@pytest.mark.parametrize(
    ("page", "button"),
    [("learning_run", "Train"), ("learning_search", "Search"), ("learning_studyrun", "Run the study"),
     ("analysis_evaluation", "Measure"), ("annotation_study", "Save")],
)  # fmt: skip
def test_a_button_says_what_it_does(researcher_client, page, button):
    shown = researcher_client.get(reverse(f"admin:{page}_add")).content.decode()
    assert f'<input type="submit" value="{button}" class="default" name="_save">' in shown


@pytest.mark.parametrize("signed_in", [False, True])
def test_strangers_and_ordinary_accounts_stay_outside(client, django_user_model, signed_in):
    if signed_in:
        client.force_login(django_user_model.objects.create_user("carol", password="a long pass phrase"))
    answer = client.get(reverse("admin:index"))
    assert answer.status_code == 302
    assert reverse("admin:login") in answer.url


def test_no_page_allows_inline_script(client):
    policy = client.get(reverse("admin:login")).headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy


def test_no_bulk_action_reaches_an_account(researcher_client, rita, django_user_model):
    """Lists of accounts take no action of researchers, whichever they name."""
    carol = django_user_model.objects.create_user("carol")
    for model, row in (("user", carol), ("group", rita.groups.get())):
        sent = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        assert researcher_client.post(reverse(f"admin:auth_{model}_changelist"), sent).status_code == 403
        row.refresh_from_db()


def test_a_researcher_cannot_change_the_groups_of_anybody(researcher_client, rita):
    everything = Group.objects.create(name="everything")
    everything.permissions.set(Permission.objects.all())
    account = reverse("admin:auth_user_change", args=[rita.pk])
    group = reverse("admin:auth_group_change", args=[rita.groups.get().pk])
    password = {"password1": "a long one 1", "password2": "a long one 1"}
    for address, sent in (
        (account, {"username": "rita", "groups": [everything.pk], "is_staff": "on"}),
        (f"{account}?_popup=1", {"username": "rita", "groups": [everything.pk]}),
        (group, {"name": "Researchers", "permissions": list(Permission.objects.values_list("pk", flat=True))}),
        (reverse("admin:auth_user_add"), {"username": "second"} | password),
    ):
        assert researcher_client.post(address, sent).status_code == 403
    rita = type(rita).objects.get(pk=rita.pk)
    assert [found.name for found in rita.groups.all()] == ["Researchers"]
    assert not any(name.startswith(("auth.", "admin.", "sessions.")) for name in rita.get_all_permissions())


def test_what_was_recorded_is_deleted_by_no_bulk_action(researcher_client, rita):
    """Tokens are a researcher's own to withdraw; everything else that the flow made stays."""
    work(make_study(n_questions=3, responses_per_question=1))
    kept = 0
    for model in admin.site._registry:
        rows = list(model._default_manager.values_list("pk", flat=True))
        if model._meta.app_label == "auth" or not rows:
            continue
        page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        sent = {"action": "delete_selected", "_selected_action": rows, "post": "yes"}
        assert researcher_client.post(page, sent).status_code in (200, 302)
        assert model._default_manager.filter(pk__in=rows).count() == len(rows), model
        kept += 1
    assert kept >= 6


def test_no_page_of_a_row_edits_rows_of_another_table():
    """Inline forms would be ways around the rights of the tables that they show."""
    ours = [page for model, page in admin.site._registry.items() if model._meta.app_label != "auth"]
    assert [page for page in ours if page.inlines or page.list_editable] == []


def test_becoming_staff_gives_no_right(client, django_user_model):
    """Rights come from the group alone: an account that is merely staff sees nothing and presses nothing."""
    study = make_study()
    client.force_login(django_user_model.objects.create_user("dan", is_staff=True))
    for model in admin.site._registry:
        page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert client.get(page).status_code == 403, model
    assert client.post(reverse("admin:annotation_study_do", args=[study.pk, "close"])).status_code == 403
