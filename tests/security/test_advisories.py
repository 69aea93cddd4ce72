"""What went wrong in systems such as this one, and the test that it does not go wrong here.

Rule: advisories: tests. `test_the_table_names_tests_that_exist` keeps the table true.
"""

import ast
import gzip
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django import forms
from django.apps import apps
from django.conf import settings as site
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import models
from django.urls import NoReverseMatch, reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st

from annotation import judgements
from annotation.forms import LARGEST_UPLOAD
from annotation.services.studies import question_wording
from config.admin import HOUSE, RESEARCHERS
from tests.annotation.making import make_study
from triplets.importers.pictures import PictureRefused, find_picture

ROOT = Path(__file__).resolve().parents[2]
HERE = "tests/security/test_advisories.py"
RULES = {
    "no key in the code, none by default in production": (
        ["CVE-2023-43791"],
        [(HERE, "test_production_refuses_to_start_without_a_key"), (HERE, "test_a_laptops_key_is_its_own_and_private"),
         (HERE, "test_no_key_stands_in_the_code")],
    ),
    "no filter or ordering reaches related secrets": (
        ["CVE-2023-47117"],
        [(HERE, "test_lists_cannot_be_filtered_by_secrets"), (HERE, "test_no_list_of_the_api_is_filtered_or_ordered")],
    ),
    "the server fetches no address that a user gave": (
        ["CVE-2023-47116", "CVE-2025-25297", "CVE-2024-37164"],
        [(HERE, "test_only_recruiters_ask_other_hosts"), (HERE, "test_no_form_takes_an_address"),
         (HERE, "test_a_manifest_cannot_name_an_address"),
         ("tests/annotation/test_entrances.py", "test_only_known_places_get_the_form"),
         ("tests/annotation/test_recruiters_prolific.py", "test_the_token_is_sent_to_nobody_else")],
    ),
    "no path leads outside its folder": (
        ["CVE-2025-25295", "CVE-2026-47682"],
        [("tests/triplets/test_pictures.py", "test_what_leads_elsewhere_is_refused"),
         ("tests/triplets/test_pictures.py", "test_links_are_refused_on_every_step_of_the_way"),
         ("tests/triplets/test_pictures.py", "test_a_link_that_replaces_a_file_after_the_look_is_not_followed"),
         ("tests/triplets/test_archive.py", "test_a_name_that_leads_outside_is_refused"),
         ("tests/triplets/test_unpacking.py", "test_a_name_that_leads_outside_is_refused"),
         ("tests/triplets/test_unpacking.py", "test_links_and_devices_are_refused"),
         ("tests/triplets/test_unpacking.py", "test_damaged_zips_raise_nothing_else_and_write_nothing_outside"),
         ("tests/triplets/test_api.py", "test_only_files_of_the_manifest_exist")],
    ),
    "what is uploaded is never served as a page": (
        ["CVE-2023-47115", "CVE-2026-65986"],
        [("tests/triplets/test_pictures.py", "test_what_is_no_picture_is_refused_whatever_its_name"),
         ("tests/triplets/test_pictures.py", "test_a_page_behind_a_real_picture_does_not_come_along"),
         ("tests/triplets/test_api.py", "test_a_page_within_a_release_is_never_shown_as_one"),
         ("tests/triplets/test_picture_view.py", "test_headers_name_neither_the_stimulus_nor_its_file")],
    ),
    "text from outside stays text": (
        ["CVE-2026-22033", "CVE-2024-23633"],
        [("tests/security/test_pages.py", "test_no_text_becomes_markup"),
         ("tests/security/test_pages.py", "test_every_page_forbids_inline_script_and_holds_none"),
         ("tests/analysis/test_pages.py", "test_json_in_a_script_cannot_end_it"),
         ("tests/learning/test_admin_runs.py", "test_text_of_a_failure_is_text")],
    ),
    "no page shows a secret": (
        ["CVE-2026-22033"],
        [("tests/security/test_pages.py", "test_no_page_of_the_admin_shows_a_secret"),
         (HERE, "test_cookies_are_out_of_reach_of_scripts"),
         ("tests/triplets/test_api.py", "test_not_with_the_hash_that_the_database_keeps")],
    ),
    "staff cannot raise their own rights": (
        ["CVE-2026-23526"],
        [("tests/test_admin_rights.py", "test_a_researcher_cannot_become_superuser"),
         ("tests/test_admin_rights.py", "test_a_researcher_cannot_reach_accounts"),
         ("tests/test_admin_rights.py", "test_no_bulk_action_reaches_an_account"),
         ("tests/test_admin_rights.py", "test_a_researcher_cannot_change_the_groups_of_anybody"),
         ("tests/test_admin_rights.py", "test_no_page_of_a_row_edits_rows_of_another_table"),
         (HERE, "test_researchers_hold_no_right_on_accounts"), (HERE, "test_no_form_of_ours_edits_an_account")],
    ),
    "deny by default, every address tried by everybody": (
        ["CVE-2024-47172"],
        [("tests/security/test_routes.py", "test_every_route_has_a_row"),
         ("tests/security/test_routes.py", "test_everybody_gets_what_is_theirs"),
         (HERE, "test_the_api_is_closed_where_nobody_opened_it")],
    ),
    "nothing that runs code is loaded": (
        ["CVE-2025-23045", "CVE-2025-5173"],
        [("tests/test_architecture.py", "test_nothing_unsafe_is_loaded"), (HERE, "test_the_queue_carries_json_only"),
         (HERE, "test_no_checkpoint_is_uploaded"),
         ("tests/triplets/test_study_formats.py", "test_nothing_in_a_pickle_is_ever_run")],
    ),
    "text is never a template": (["CVE-2021-4315"], [(HERE, "test_a_question_is_text_and_no_template")]),
    "bombs are refused before they go off": (
        [],
        [("tests/triplets/test_pictures.py", "test_a_bomb_is_refused_before_it_is_decoded"),
         ("tests/triplets/test_pictures.py", "test_a_file_that_is_too_big_is_refused_unread"),
         ("tests/triplets/test_import_stimuli.py", "test_a_bomb_is_refused_by_the_settings"),
         ("tests/triplets/test_unpacking.py", "test_a_bomb_is_stopped_while_it_grows"),
         ("tests/triplets/test_unpacking.py", "test_a_bomb_that_lies_about_its_size_is_stopped_too"),
         ("tests/security/test_limits.py", "test_a_long_body_is_refused_before_anything_reads_it"),
         (HERE, "test_a_packed_file_that_grows_is_refused"), (HERE, "test_a_file_of_mistakes_ends_early")],
    ),
    "addresses of pictures expire": (
        [], [("tests/triplets/test_picture_view.py", "test_an_expired_address_says_so"),
             ("tests/triplets/test_picture_view.py", "test_an_address_that_was_not_signed_is_not_found")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_the_table_names_tests_that_exist(rule):
    for path, name in RULES[rule][1]:
        tree = ast.walk(ast.parse((ROOT / path).read_text()))
        assert name in {node.name for node in tree if isinstance(node, ast.FunctionDef)}, (path, name)


# Keys ---------------------------------------------------------------------------------------------


def settings_process(folder, **environment):
    kept = {name: value for name, value in os.environ.items() if name not in ("SECRET_KEY", "DEBUG", "DATABASE_URL")}
    return subprocess.run(
        [sys.executable, "-c", "from config import settings; print(settings.SECRET_KEY)"],
        cwd=ROOT, env=kept | {"VAR_DIR": str(folder)} | environment, capture_output=True, text=True,
    )  # fmt: skip


def test_production_refuses_to_start_without_a_key(tmp_path):
    done = settings_process(tmp_path, DEBUG="0")
    assert done.returncode != 0
    assert "DEBUG=0 needs SECRET_KEY" in done.stderr
    assert not (tmp_path / "secret_key").exists()


def test_a_laptops_key_is_its_own_and_private(tmp_path):
    keys = [settings_process(tmp_path / name).stdout.strip() for name in ("one", "one", "two")]
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) >= 50
    assert stat.S_IMODE((tmp_path / "one" / "secret_key").stat().st_mode) == 0o600


def test_no_key_stands_in_the_code():
    for path in [*ROOT.glob("*/**/*.py"), ROOT / "Makefile"]:
        if ROOT / ".venv" in path.parents or ROOT / "tests" in path.parents:
            continue
        text = path.read_text()
        assert "django-insecure" not in text, path
        assert 'SECRET_KEY = "' not in text, path


# Filters ------------------------------------------------------------------------------------------


def secrets_reached(model) -> list[str]:
    """Return lookups from a table to passwords, token hashes and pseudonym keys, directly or over one relation."""
    found = []
    for one in model._meta.get_fields():
        if not isinstance(one, models.Field):
            continue
        found += [one.name] if one.name in SECRETS else []
        if one.is_relation:
            names = {two.name for two in one.related_model._meta.get_fields()}
            found += [f"{one.name}__{name}" for name in SECRETS & names]
    return found


SECRETS = {"password", "token_sha256", "pseudonym_key", "lease_token"}


@pytest.mark.django_db
def test_lists_cannot_be_filtered_by_secrets(researcher_client):
    n_tried = 0
    for model in admin.site._registry:
        if model._meta.app_label not in HOUSE:
            continue
        page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for secret in secrets_reached(model):
            if secret in admin.site._registry[model].list_filter:
                pytest.fail(f"{page} may be filtered by {secret}")
            found = researcher_client.get(page, {f"{secret}__startswith": "a"})
            assert found.status_code in (302, 400), (page, secret)
            n_tried += 1
    assert n_tried > 8


@pytest.mark.django_db
def test_no_list_of_the_api_is_filtered_or_ordered(researcher_client):
    assert "DEFAULT_FILTER_BACKENDS" not in site.REST_FRAMEWORK
    for name in ("triplets:releases", "analysis:reports"):
        plain = researcher_client.get(reverse(name)).json()
        asked = researcher_client.get(
            reverse(name), {"ordering": "created_by__password", "question_set__study__pseudonym_key__startswith": "z"}
        )
        assert asked.json() == plain


# Addresses ----------------------------------------------------------------------------------------


def test_only_recruiters_ask_other_hosts():
    """Their endpoints stand in the settings; the demo and simulated people visit this very site."""
    clients = {"requests", "urllib3", "boto3", "botocore", "httpx", "aiohttp", "urllib.request", "http.client"}
    asking = set()
    for package in ("triplets", "annotation", "learning", "analysis", "config"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if any(name in clients or name.split(".")[0] in clients for name in names):
                    asking.add(path.relative_to(ROOT).as_posix())
    # A rehearsal is a worker at the local endpoint that it has started itself.
    allowed = ("annotation/recruiters/", "annotation/endpoints/", "config/management/commands/",
               "annotation/management/commands/", "config/rehearsal/")  # fmt: skip
    assert [path for path in sorted(asking) if not path.startswith(allowed)] == []


def test_no_form_takes_an_address():
    for model in apps.get_models():
        if model._meta.app_label in HOUSE:
            assert [f.name for f in model._meta.get_fields() if isinstance(f, models.URLField)] == [], model


@pytest.mark.parametrize("name", ["http://127.0.0.1/a.jpg", "file:///etc/passwd", "//host/a.jpg", "s3://bucket/a.jpg"])
def test_a_manifest_cannot_name_an_address(tmp_path, name):
    with pytest.raises(PictureRefused):
        find_picture(tmp_path, name)


# Rights -------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_researchers_hold_no_right_on_accounts(rita):
    held = Permission.objects.filter(group__name=RESEARCHERS).values_list("content_type__app_label", flat=True)
    assert set(held) == set(HOUSE)
    assert not any(rita.has_perm(f"{app}.{verb}_{model}") for app, model in [("auth", "user"), ("auth", "group"),
        ("auth", "permission"), ("contenttypes", "contenttype"), ("sessions", "session"), ("admin", "logentry")]
        for verb in ("add", "change", "delete", "view"))  # fmt: skip


def forms_of_the_admin(request):
    """Yield (table, form) for everything that the user may add or change."""
    for model, page in admin.site._registry.items():
        row = model._default_manager.first()
        if page.has_add_permission(request):
            yield model, page.get_form(request)
        if page.has_change_permission(request, row):
            yield model, page.get_form(request, row, change=True)


def test_no_form_of_ours_edits_an_account(world, rita, rf):
    request = rf.get("/")
    request.user = rita
    for model, form in forms_of_the_admin(request):
        assert model._meta.app_label in HOUSE
        for field in form.base_fields.values():
            target = getattr(getattr(field, "queryset", None), "model", None)
            assert target is None or target._meta.app_label in HOUSE, (model, target)


@pytest.mark.django_db
def test_a_researcher_posting_every_field_of_an_account_changes_nothing(researcher_client, rita):
    for name in ("auth_user_change", "auth_user_password_change"):
        try:
            page = reverse(f"admin:{name}", args=[rita.pk])
        except NoReverseMatch:
            continue
        found = researcher_client.post(
            page, {"username": "rita", "is_superuser": "on", "is_staff": "on", "user_permissions": ["1", "2"],
                   "groups": ["1"], "password1": "another pass phrase", "password2": "another pass phrase"},
        )  # fmt: skip
        assert found.status_code == 403
    before = rita.password
    rita.refresh_from_db()
    assert (rita.password, rita.is_superuser, rita.user_permissions.count()) == (before, False, 0)


def test_the_api_is_closed_where_nobody_opened_it():
    assert site.REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"] == ["rest_framework.permissions.IsAdminUser"]
    assert site.REST_FRAMEWORK["DEFAULT_RENDERER_CLASSES"] == ["rest_framework.renderers.JSONRenderer"]


def test_cookies_are_out_of_reach_of_scripts():
    assert site.SESSION_COOKIE_HTTPONLY
    assert site.SECURE_REFERRER_POLICY == "same-origin"
    assert site.SECURE_CONTENT_TYPE_NOSNIFF


# Code and templates -------------------------------------------------------------------------------


def test_the_queue_carries_json_only():
    from config.celery import app

    assert site.CELERY_ACCEPT_CONTENT == ["json"]
    assert app.conf.task_serializer == app.conf.result_serializer == "json"
    assert list(app.conf.accept_content) == ["json"]


def test_no_checkpoint_is_uploaded(world, rita, rf):
    """The admin takes CSV files by forms of their own; the file of a row can be neither given nor replaced."""
    request = rf.get("/")
    request.user = rita
    for model, form in forms_of_the_admin(request):
        assert not [name for name, field in form.base_fields.items() if isinstance(field, forms.FileField)], model


@pytest.mark.parametrize("text", ["{{ 7|add:7 }}{% debug %}", "{attribute.__class__.__mro__}", "%(attribute)s %s"])
@pytest.mark.django_db
def test_a_question_is_text_and_no_template(text):
    study = make_study(kind="rating", question_text=text)
    assert question_wording(study, "happy") == text
    assert question_wording(study, "{attribute}{{ 7 }}") == text


# Bombs --------------------------------------------------------------------------------------------


def packed(path, chunks):
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines(chunks)
    assert path.stat().st_size < LARGEST_UPLOAD / 50
    return path


def test_a_packed_file_that_grows_is_refused(tmp_path, monkeypatch):
    header = b"reference,first,second,chosen,worker\n"
    line = packed(tmp_path / "line.csv.gz", [header, *([b"a" * 2**20] * 64)])
    with pytest.raises(judgements.JudgementsRefused, match="bytes on line 2"):
        judgements.read_judgements(line, "triplet", {"a": 0})
    monkeypatch.setattr(judgements, "_MOST_UNPACKED", 2**20)
    lines = packed(tmp_path / "lines.csv.gz", [header, *([b"\n" * 2**20] * 4)])
    with pytest.raises(judgements.JudgementsRefused, match="when it is unpacked"):
        judgements.read_judgements(lines, "triplet", {"a": 0})


def test_a_file_of_mistakes_ends_early(tmp_path):
    many = packed(tmp_path / "many.csv.gz", [b"reference,first,second,chosen,worker\n", *([b"x\n" * 10_000] * 30)])
    with pytest.raises(judgements.JudgementsRefused) as refused:
        judgements.read_judgements(many, "triplet", {"a": 0})
    assert len(refused.value.problems) == 10_000


@trying(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode), is_packed=st.booleans())
def test_no_file_of_judgements_is_more_than_refused(tmp_path, content, is_packed):
    path = tmp_path / ("j.csv.gz" if is_packed else "j.csv")
    path.write_bytes(b"reference,first,second,chosen,worker\n" + content if not is_packed else content)
    with pytest.raises(judgements.JudgementsRefused):
        judgements.read_judgements(path, "triplet", {"\x00": 0})
