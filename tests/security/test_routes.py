"""Every address of the site, knocked at by everybody. An address that is not in these tables fails the test.

Strangers have no token, annotators the true token of their own participation, researchers and superusers are logged
in to the admin and have no token of any participation: a login opens nobody's answers.
"""

import copy

import pytest
from django.db import transaction
from django.urls import reverse

from tests.security.world import ROLES, arguments, client_of, model_of, routes

pytestmark = pytest.mark.django_db

#: name: status of GET/POST for stranger, annotator, researcher, superuser. Posts are empty.
PAGES = """
annotation:join                      404/405  302/405  404/405  404/405
annotation:take                      404/405  302/405  404/405  404/405
annotation:consent                   405/404  405/302  405/404  405/404
annotation:about                     404/404  302/302  404/404  404/404
annotation:instructions              404/405  200/405  404/405  404/405
annotation:practice                  404/404  200/400  404/404  404/404
annotation:questions                 404/404  200/400  404/404  404/404
annotation:thanks                    404/405  302/405  404/405  404/405
annotation:another                   405/404  405/302  405/404  405/404
annotation:assignment                404/405  200/405  404/405  404/405
annotation:responses                 405/404  405/400  405/404  405/404
annotation:enter_mturk               404/405  200/405  404/405  404/405
annotation:enter_prolific            404/405  404/405  404/405  404/405
triplets:picture                     404/405  200/405  404/405  404/405
triplets:releases                    401/401  401/401  200/405  200/405
triplets:release                     401/401  401/401  200/405  200/405
triplets:release-archive             401/401  401/401  200/405  200/405
triplets:release-file                401/401  401/401  200/405  200/405
analysis:home                        200/405  200/405  200/405  200/405
analysis:report                      404/405  404/405  200/405  200/405
analysis:report-file                 404/405  404/405  200/405  200/405
analysis:report-results              404/405  404/405  200/405  200/405
analysis:report-zip                  404/405  404/405  200/405  200/405
analysis:report-member               404/405  404/405  200/405  200/405
analysis:report-faces                404/405  404/405  404/405  404/405
analysis:study                       404/405  404/405  200/405  200/405
analysis:study-file                  404/405  404/405  200/405  200/405
analysis:study-results               404/405  404/405  200/405  200/405
analysis:study-zip                   404/405  404/405  200/405  200/405
analysis:study-member                404/405  404/405  200/405  200/405
analysis:compare                     200/405  200/405  200/405  200/405
analysis:reports                     200/405  200/405  200/405  200/405
analysis:api-report-results          404/405  404/405  200/405  200/405
admin:index                          302/302  302/302  200/200  200/200
admin:login                          200/200  200/200  302/200  302/200
admin:logout                         302/302  302/302  405/200  405/200
admin:password_change                302/302  302/302  200/200  200/200
admin:password_change_done           302/302  302/302  200/405  200/405
admin:autocomplete                   302/302  302/302  403/405  403/405
admin:jsi18n                         302/302  302/302  200/405  200/405
admin:view_on_site                   302/302  302/302  404/404  404/404
admin:app_list                       302/302  302/302  200/200  200/200
admin:auth_user_password_change      302/302  302/302  403/403  200/200
admin:triplets_errand_progress       302/302  302/302  200/405  200/405
admin:annotation_study_settings      302/302  302/302  200/200  200/200
admin:annotation_study_quality       302/302  302/302  200/405  200/405
admin:annotation_study_invite        302/302  302/302  405/200  405/200
admin:annotation_study_do            302/302  302/302  405/302  405/302
admin:annotation_participation_standing  302/302  302/302  200/200  200/200
admin:learning_run_progress          302/302  302/302  200/200  200/200
admin:learning_run_stop              302/302  302/302  405/302  405/302
admin:learning_run_resume            302/302  302/302  405/302  405/302
admin:learning_search_stop           302/302  302/302  405/302  405/302
admin:learning_search_resume         302/302  302/302  405/302  405/302
admin:learning_studyrun_stop         302/302  302/302  405/302  405/302
admin:learning_studyrun_resume       302/302  302/302  405/302  405/302
admin:learning_checkpoint_file       302/302  302/302  200/405  200/405
admin:analysis_evaluation_compare    302/302  302/302  200/405  200/405
admin:analysis_retrainingpolicy_growth_json  302/302  302/302  200/405  200/405
admin:analysis_retrainingpolicy_growth_csv   302/302  302/302  200/405  200/405
admin:analysis_report_publish        302/302  302/302  405/302  405/302
admin:analysis_report_unpublish      302/302  302/302  405/302  405/302
admin:analysis_studyreport_publish   302/302  302/302  405/302  405/302
admin:analysis_studyreport_unpublish 302/302  302/302  405/302  405/302
admin:analysis_studyreport_again     302/302  302/302  405/302  405/302
"""

#: The five pages that the admin gives each table: what staff get at GET/POST of its add, change and delete page.
#: Lists and histories may be read by all staff. Users and groups are the superuser's alone.
TABLES = """
triplets_collection                  200/200  200/200  403/403
triplets_errand                      403/403  200/200  403/403
triplets_subject                     403/403  200/403  403/403
triplets_stimulus                    403/403  200/403  403/403
triplets_questionset                 403/403  200/200  403/403
triplets_question                    403/403  200/403  403/403
triplets_release                     403/403  200/200  403/403
triplets_releasetoken                200/200  200/403  200/200
annotation_study                     200/200  200/200  403/403
annotation_participation             403/403  200/403  403/403
annotation_annotator                 403/403  200/403  403/403
annotation_assignment                403/403  200/403  403/403
annotation_consensus                 403/403  200/403  403/403
annotation_replacementdecision       403/403  200/403  403/403
annotation_budget                    200/200  200/200  403/403
annotation_posting                   200/200  200/200  403/403
annotation_submission                403/403  200/403  403/403
annotation_outboxentry               403/403  200/403  403/403
learning_run                         200/200  200/200  403/403
learning_search                      200/200  200/200  403/403
learning_studyrun                    200/200  200/200  403/403
learning_checkpoint                  403/403  200/403  403/403
analysis_evaluation                  200/200  200/302  403/403
analysis_report                      403/403  200/200  403/403
analysis_studyreport                 403/403  200/200  403/403
analysis_retrainingpolicy            200/200  200/200  403/403
"""


def rows(table: str) -> dict[str, list[str]]:
    return {name: cells for name, *cells in (line.split() for line in table.strip().splitlines())}


def expected() -> dict[str, list[str]]:
    """Return the whole matrix: name -> a cell for each role."""
    matrix = rows(PAGES)
    for table, (add, change, delete) in rows(TABLES).items():
        staff = {"changelist": "200/200", "history": "200/200", "add": add, "change": change, "delete": delete}
        matrix |= {f"admin:{table}_{page}": ["302/302"] * 2 + [cell] * 2 for page, cell in staff.items()}
    for table in ("auth_user", "auth_group"):
        for page in ("changelist", "history", "add", "change", "delete"):
            matrix[f"admin:{table}_{page}"] = ["302/302", "302/302", "403/403", "200/200"]
    return matrix


def knock(client, method: str, url: str) -> int:
    """Return the status of one request, whose effects are taken back."""
    cookies = copy.deepcopy(client.cookies)
    savepoint = transaction.savepoint()
    response = getattr(client, method)(url)
    if response.streaming:
        list(response.streaming_content)
    transaction.savepoint_rollback(savepoint)
    client.cookies = cookies
    return response.status_code


def named_routes():
    """The routes that have a name. The others are the admin's redirects of old and wrong addresses."""
    return [(name, names) for name, names in routes() if not name.endswith(":")]


def test_every_route_has_a_row():
    there, known = {name for name, _ in named_routes()}, set(expected())
    assert not there - known, "new addresses: say in PAGES or TABLES above who may do what there"


def test_routes_without_a_name_are_the_admins_redirects():
    unnamed = [(name, names) for name, names in routes() if name.endswith(":")]
    assert {names for _, names in unnamed} == {("object_id",), ("url",)}
    assert {name for name, _ in unnamed} == {"admin:"}


@pytest.mark.parametrize("role", ROLES)
def test_everybody_gets_what_is_theirs(role, world):
    client, matrix, wrong = client_of(role), expected(), []
    for name, names in named_routes():
        url = reverse(name, kwargs=arguments(name, names, world, role))
        found = "/".join(str(knock(client, method, url)) for method in ("get", "post"))
        if found != matrix[name][ROLES.index(role)]:
            wrong.append(f"{name}: expected {matrix[name][ROLES.index(role)]}, found {found}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", ROLES)
def test_no_other_method_does_anything(role, world):
    client, wrong = client_of(role), []
    for name, names in named_routes():
        if name.startswith("admin:"):
            continue  # Django's admin treats every method but POST as reading
        url = reverse(name, kwargs=arguments(name, names, world, role))
        for method in ("put", "patch", "delete"):
            if (status := knock(client, method, url)) not in (401, 404, 405):
                wrong.append(f"{method} {name}: {status}")
    assert not wrong, "\n".join(wrong)


def test_every_table_of_the_admin_was_tried_with_a_row(world):
    empty = [name for name, _ in named_routes() if (model := model_of(name)) and not model._default_manager.exists()]
    assert not empty


def test_an_ordinary_account_is_a_stranger(world, client, django_user_model):
    client.force_login(django_user_model.objects.create_user("carol"))
    matrix = expected()
    for name, names in named_routes():
        if name.startswith("admin:") and name != "admin:login":
            url = reverse(name, kwargs=arguments(name, names, world, "stranger"))
            assert knock(client, "get", url) == 302 == int(matrix[name][0][:3]), name
