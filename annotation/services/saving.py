"""The ordinary answer, saved in one statement: what `record_response` does step by step, where nothing is special.

Nearly every request of a study is one more answer in the middle of a pass. Asked step by step it costs eleven
statements, and each of them wakes the database and the web process once; as one statement it costs one, which is
its own transaction and holds its locks for no longer than it takes to write them down.
Whatever is not ordinary (the last answer of a pass, a second one to the same position, a lease that ran out, a wrong
value, somebody else's pass) finds no row here, changes nothing, and is left to `record_response`, which knows the
sentence for it. A gold question takes this way like any other. Only PostgreSQL can write to several tables in one
statement; elsewhere every answer goes step by step.
"""

import psycopg
from django.db import connection
from django.utils import timezone

# Every value travels as text and is given its type here, once: so the statement is prepared once, whatever the size
# of a number. In the order of locks (the person, then the pass) and in each rule this is `record_response`; the two
# are held against each other in tests/annotation/test_saving.py.
STATEMENT = """
WITH given AS NOT MATERIALIZED (
    SELECT %(participation)s::bigint AS participation_id, %(assignment)s::bigint AS assignment_id,
           %(position)s::bigint AS position, %(choice)s::text AS side, %(rating)s::float8 AS rating,
           %(label)s::text AS label, %(response_ms)s::integer AS response_ms, %(latency_ms)s::integer AS latency_ms,
           %(now)s::timestamptz AS now
), asked AS (
    SELECT given.*, pass.study_id, pass.annotator_id, shown.question_id, shown.is_first_left, shown.is_repeat,
           coalesce(given.response_ms < study.floor_ms, false) AS is_fast,
           date_trunc('minute', given.now) + (study.lease_minutes + 1) * interval '1 minute' AS leased_until,
           question.role = 'gold' AS is_gold, question.expected_choice, question.expected_label,
           question.expected_rating, question.rating_tolerance,
           CASE WHEN given.side IS NULL THEN ''
                WHEN (given.side = 'left') = shown.is_first_left THEN 'first' ELSE 'second' END AS choice,
           CASE question.kind
                WHEN 'triplet' THEN given.side IN ('left', 'right') AND num_nonnulls(given.rating, given.label) = 0
                WHEN 'choice' THEN jsonb_exists(study.options, given.label)
                                   AND num_nonnulls(given.side, given.rating) = 0
                ELSE given.rating BETWEEN study.scale_low AND study.scale_high
                     AND num_nonnulls(given.side, given.label) = 0 END AS is_valid
    FROM given
    JOIN annotation_assignment pass ON pass.id = given.assignment_id
    JOIN annotation_participation person ON person.id = pass.participation_id
    JOIN annotation_study study ON study.id = pass.study_id
    JOIN annotation_presentation shown ON shown.assignment_id = pass.id AND shown.position = given.position
    JOIN triplets_question question ON question.id = shown.question_id
    WHERE person.id = given.participation_id AND pass.state = 'active' AND pass.n_answered + 1 < pass.n_positions
    FOR NO KEY UPDATE OF person, pass
), saved AS (
    INSERT INTO annotation_response (
        study_id, assignment_id, position, question_id, annotator_id, choice, rating, label, is_first_left, is_repeat,
        is_right, is_fast, response_ms, latency_ms, answered_at)
    SELECT study_id, assignment_id, position, question_id, annotator_id, choice, rating, coalesce(label, ''),
           is_first_left, is_repeat,
           CASE WHEN NOT is_gold THEN NULL
                WHEN side IS NOT NULL THEN choice = expected_choice
                WHEN label IS NOT NULL THEN label = expected_label
                ELSE abs(rating - expected_rating) <= rating_tolerance END,
           is_fast, response_ms, latency_ms, now
    FROM asked WHERE is_valid
    ON CONFLICT (assignment_id, position) DO NOTHING
    RETURNING is_right
), counted AS (
    UPDATE annotation_participation person
    SET n_responses = n_responses + 1,
        n_gold = n_gold + (saved.is_right IS NOT NULL)::integer,
        n_gold_right = n_gold_right + coalesce(saved.is_right, false)::integer
    FROM saved, asked WHERE person.id = asked.participation_id
)
UPDATE annotation_assignment pass
SET n_answered = n_answered + 1, leased_until = asked.leased_until
FROM saved, asked WHERE pass.id = asked.assignment_id
RETURNING n_answered
"""


def save_at_once(participation: int, assignment: int, position: int, **answer) -> int | None:
    """Save one answer in the middle of a pass; return how many the pass has now.

    participation, assignment : primary keys; answer : choice, rating, label, response_ms, latency_ms as
    `record_response` takes them, all of them given.
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
    return row and row[0]
