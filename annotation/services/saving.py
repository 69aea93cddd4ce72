"""The ordinary answer, saved in one statement: what `record_step_by_step` does, where nothing is special.

Nearly every request of a study is one more answer of a pass. Asked step by step it costs eleven statements, and each
of them wakes the database and the web process once; as one statement it costs one, which is its own transaction and
holds its locks for no longer than it takes to write them down.
Whatever is not ordinary (a second answer to the same position, a lease that ran out, a wrong value, somebody else's
pass, the end of a qualification, the end of a pass of somebody who may have to be excluded now) finds no row here,
changes nothing, and is left to `record_step_by_step`, which knows the sentence for it. A gold question takes this way
like any other. Only PostgreSQL can write to several tables in one statement; elsewhere every answer goes step by step.
"""

from dataclasses import dataclass

import psycopg
from django.db import connection
from django.utils import timezone


@dataclass(frozen=True)
class Recorded:
    is_new: bool
    is_complete: bool
    n_answered: int
    notice: str = ""  # what the person should read, where this answer is kept and no further one is wanted


# Every value travels as text and is given its type here, once: so the statement is prepared once, whatever the size
# of a number. In the order of locks (the person, then the pass) and in each rule this is `record_step_by_step`; the
# two are held against each other in tests/annotation/test_saving.py.
STATEMENT = """
WITH given AS NOT MATERIALIZED (
    SELECT %(participation)s::bigint AS participation_id, %(assignment)s::bigint AS assignment_id,
           %(position)s::bigint AS position, %(choice)s::text AS side, %(rating)s::float8 AS rating,
           %(label)s::text AS label, %(response_ms)s::integer AS response_ms, %(latency_ms)s::integer AS latency_ms,
           %(now)s::timestamptz AS now
), asked AS (
    SELECT given.*, pass.study_id, pass.annotator_id, pass.slot_id, pass.is_qualification,
           pass.n_answered + 1 = pass.n_positions AS is_last,
           shown.question_id, shown.is_first_left, shown.is_repeat,
           question.kind, question.role = 'gold' AS is_gold, question.expected_choice, question.expected_label,
           question.expected_rating, question.rating_tolerance,
           study.options, study.scale_low, study.scale_high, study.floor_ms, study.min_gold, study.gold_threshold,
           date_trunc('minute', given.now) + (study.lease_minutes + 1) * interval '1 minute' AS leased_until,
           person.n_gold, person.n_gold_right,
           CASE WHEN given.side IS NULL THEN ''
                WHEN (given.side = 'left') = shown.is_first_left THEN 'first' ELSE 'second' END AS choice
    FROM given
    JOIN annotation_assignment pass ON pass.id = given.assignment_id
    JOIN annotation_participation person ON person.id = pass.participation_id
    JOIN annotation_study study ON study.id = pass.study_id
    JOIN annotation_presentation shown ON shown.assignment_id = pass.id AND shown.position = given.position
    JOIN triplets_question question ON question.id = shown.question_id
    WHERE person.id = given.participation_id AND pass.state = 'active' AND pass.n_answered < pass.n_positions
    FOR NO KEY UPDATE OF person, pass
), judged AS (
    SELECT asked.*,
           CASE WHEN NOT is_gold THEN NULL
                WHEN kind = 'triplet' THEN choice = expected_choice
                WHEN kind = 'choice' THEN label = expected_label
                ELSE abs(rating - expected_rating) <= rating_tolerance END AS is_right
    FROM asked
    WHERE CASE kind
          WHEN 'triplet' THEN side IN ('left', 'right') AND num_nonnulls(rating, label) = 0
          WHEN 'choice' THEN jsonb_exists(options, label) AND num_nonnulls(side, rating) = 0
          ELSE rating BETWEEN scale_low AND scale_high AND num_nonnulls(side, label) = 0 END
), ordinary AS (
    SELECT judged.*, is_gold::integer AS gold, coalesce(is_right, false)::integer AS gold_right
    FROM judged
    WHERE NOT is_last OR NOT is_qualification AND (
        n_gold + is_gold::integer < min_gold
        OR n_gold_right + coalesce(is_right, false)::integer >= gold_threshold * (n_gold + is_gold::integer))
), saved AS (
    INSERT INTO annotation_response (
        study_id, assignment_id, position, question_id, annotator_id, choice, rating, label, is_first_left, is_repeat,
        is_right, is_fast, response_ms, latency_ms, answered_at)
    SELECT study_id, assignment_id, position, question_id, annotator_id, choice, rating, coalesce(label, ''),
           is_first_left, is_repeat, is_right, coalesce(response_ms < floor_ms, false), response_ms, latency_ms, now
    FROM ordinary
    ON CONFLICT (assignment_id, position) DO NOTHING
    RETURNING assignment_id
), done AS (
    SELECT ordinary.* FROM ordinary JOIN saved USING (assignment_id)
), counted AS (
    UPDATE annotation_participation person
    SET n_responses = n_responses + 1, n_gold = person.n_gold + done.gold,
        n_gold_right = person.n_gold_right + done.gold_right, n_assignments = n_assignments + done.is_last::integer
    FROM done WHERE person.id = done.participation_id
), closed AS (
    UPDATE annotation_slot slot SET state = 'done'
    FROM done WHERE done.is_last AND slot.id = done.slot_id AND slot.state = 'taken'
)
UPDATE annotation_assignment pass
SET n_answered = n_answered + 1,
    state = CASE WHEN done.is_last THEN 'completed' ELSE pass.state END,
    completed_at = CASE WHEN done.is_last THEN done.now END,
    leased_until = CASE WHEN NOT done.is_last THEN done.leased_until END
FROM done WHERE pass.id = done.assignment_id
RETURNING n_answered, done.is_last
"""


def save_at_once(participation: int, assignment: int, position: int, **answer) -> Recorded | None:
    """Save one ordinary answer.

    participation, assignment : primary keys; answer : choice, rating, label, response_ms, latency_ms, all of them
    given, as `record_answer` takes them.
    None: nothing was saved, since this answer is not an ordinary one, or the connection is gone.
    """
    if connection.vendor != "postgresql":
        return None
    connection.ensure_connection()
    values = answer | {"participation": participation, "assignment": assignment, "position": position}
    texts = {name: None if value is None else str(value) for name, value in values.items()}
    try:
        with psycopg.Cursor(connection.connection) as cursor:  # Django's own cursors cannot prepare a statement
            cursor.execute(STATEMENT, texts | {"now": timezone.now().isoformat()}, prepare=True)
            row = cursor.fetchone()
    except psycopg.OperationalError:  # the server was started again: step by step opens a new connection
        if connection.in_atomic_block:
            raise
        connection.close()
        return None
    return row and Recorded(is_new=True, is_complete=row[1], n_answered=row[0])
