"""Places, what people tell of themselves, and imports once more, on PostgreSQL: a process of its own runs the tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = (
    "test_places.py::test_with_nobody_and_with_half_spamming_the_target_is_reached[mturk-2]",
    "test_places.py::test_places_of_several_batches_are_made_good_by_single_ones",
    "test_places.py::test_who_is_at_work_is_waited_for_and_who_is_excluded_is_not",
    "test_entrances.py::test_where_fewer_sets_are_left_than_a_place_pays_for_the_place_is_paid",
    "test_recruiting_tasks.py::test_a_study_that_was_ended_at_prolific_is_closed_here_and_a_full_one_is_not",
    "test_demographics.py::test_who_agreed_to_it_is_released_under_a_pseudonym",
    "test_choices.py::test_crowd_labels_pass_the_same_filter_and_consensus",
    "test_imports.py::test_asked_again_the_first_answer_counts",
    "test_imports.py::test_questions_of_the_study_are_found_again",
    "test_imports.py::test_nothing_is_left_where_the_database_fails_half_way",
)


@pytest.mark.skipif(os.environ.get("TEST_DATABASE") == "postgres", reason="all tests run on PostgreSQL already")
def test_they_pass_there_too(postgres_url):
    environment = os.environ | {"TEST_DATABASE": "postgres", "DATABASE_URL": postgres_url}
    environment.pop("PYTEST_XDIST_WORKER", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += [f"tests/annotation/{test}" for test in TESTS]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert f"{len(TESTS)} passed" in done.stdout
