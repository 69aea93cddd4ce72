"""The ordinary beginning of a pass, in two exchanges with the database: what `claim_assignment` does step by step.

Step by step a new pass costs fourteen statements, each of which wakes the database and the web process once; with a
hundred people at work every twentieth cycle waits for them. Here the first exchange locks the person, takes a slot and
reads all that a pass is drawn from; the pass is drawn in Python, as ever; the second writes it down and ends the
transaction. Whatever is not ordinary (a pass that is open or ran out, a qualification, consent, practice, nothing
left, a closed study) takes no slot here, changes nothing, and is left to `claim_assignment`. Only PostgreSQL.
"""

import json
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from django.db import connection
from django.utils import timezone
from psycopg.rows import dict_row

from annotation.models import Annotator, Assignment, Participation, Presentation, Study
from annotation.services.drawing import N_REMEMBERED, Supply, compose_pass, is_first_left
from triplets.models import Question

LARGEST_BATCH = 200  # as the study's own limit says
OF_STUDY = (
    "kind", "question_text", "options", "scale_low", "scale_high", "n_gold_per_batch", "min_gold", "repeat_share",
    "shared_share", "groups_attributes",
)  # fmt: skip

# In its order of locks (the person, then the slot) and in each rule this is `assignments._claim`; the two are held
# against each other in tests/annotation/test_claiming_at_once.py. Values travel as text, as in `saving.STATEMENT`.
TAKE = """
WITH person AS (
    SELECT person.id, person.annotator_id, person.n_gold, annotator.code, study.id AS study_id,
           study.question_set_id, study.lease_minutes, study.kind, study.question_text, study.options,
           study.scale_low, study.scale_high, study.n_gold_per_batch, study.min_gold, study.repeat_share,
           study.shared_share, study.groups_attributes
    FROM annotation_participation person
    JOIN annotation_study study ON study.id = person.study_id
    JOIN annotation_annotator annotator ON annotator.id = person.annotator_id
    WHERE person.id = %(participation)s::bigint AND study.state = 'open' AND person.exclusion = ''
        AND person.consented_at IS NOT NULL AND person.consent_version = study.consent_version
        AND (person.practised_at IS NOT NULL OR study.n_practice = 0 OR NOT EXISTS (
            SELECT 1 FROM triplets_question practice
            WHERE practice.question_set_id = study.question_set_id AND practice.role = 'practice'))
        AND (person.qualified_at IS NOT NULL OR person.n_assignments > 0 OR study.n_qualification = 0)
        AND (person.max_assignments IS NULL OR person.n_assignments < person.max_assignments)
        AND (study.max_batches_per_annotator IS NULL OR person.n_assignments < study.max_batches_per_annotator)
        AND NOT EXISTS (SELECT 1 FROM annotation_assignment pass
                        WHERE pass.participation_id = person.id AND pass.state IN ('active', 'expired'))
    FOR NO KEY UPDATE OF person
), taken AS (
    UPDATE annotation_slot slot SET state = 'taken'
    WHERE slot.state = 'free' AND slot.id = (
        SELECT s.id FROM annotation_slot s
        WHERE s.study_id = (SELECT study_id FROM person) AND s.state = 'free' AND NOT EXISTS (
            SELECT 1 FROM annotation_assignment a
            WHERE a.batch_id = s.batch_id AND a.annotator_id = (SELECT annotator_id FROM person))
        ORDER BY s.order_key LIMIT 1 FOR UPDATE OF s SKIP LOCKED)
    RETURNING slot.id, slot.batch_id
), met AS (
    SELECT shown.question_id, count(*) AS n_times
    FROM person JOIN annotation_assignment pass ON pass.participation_id = person.id
    JOIN annotation_presentation shown ON shown.assignment_id = pass.id
    GROUP BY shown.question_id
)
SELECT person.*, taken.id AS slot_id, taken.batch_id,
       ARRAY(SELECT ARRAY[member.question_id, question.reference_id]
             FROM annotation_batchquestion member JOIN triplets_question question ON question.id = member.question_id
             WHERE member.batch_id = taken.batch_id) AS members,
       ARRAY(SELECT ARRAY[gold.id, gold.reference_id, coalesce(met.n_times, 0)]
             FROM triplets_question gold LEFT JOIN met ON met.question_id = gold.id
             WHERE person.n_gold_per_batch > 0 AND gold.question_set_id = person.question_set_id
                AND gold.role = 'gold') AS gold,
       ARRAY(SELECT ARRAY[shared.id, shared.reference_id] FROM triplets_question shared
             WHERE person.shared_share > 0 AND shared.question_set_id = person.question_set_id
                AND shared.role = 'shared' AND NOT EXISTS (SELECT 1 FROM met WHERE met.question_id = shared.id)
             ORDER BY shared.id LIMIT %(largest_batch)s::integer) AS shared,
       ARRAY(SELECT latest.question_id FROM (
                 SELECT mine.question_id FROM annotation_response mine
                 JOIN triplets_question question ON question.id = mine.question_id
                 WHERE person.repeat_share > 0 AND mine.study_id = person.study_id
                    AND mine.annotator_id = person.annotator_id AND NOT mine.is_repeat AND question.role = 'ordinary'
                 ORDER BY mine.id DESC LIMIT %(n_remembered)s::integer) latest
             WHERE NOT EXISTS (SELECT 1 FROM annotation_response again
                               WHERE again.study_id = person.study_id AND again.annotator_id = person.annotator_id
                                  AND again.question_id = latest.question_id AND again.is_repeat)) AS earlier
FROM person, taken
"""

WRITE = """
WITH pass AS (
    INSERT INTO annotation_assignment (
        study_id, annotator_id, participation_id, batch_id, slot_id, state, is_qualification, n_positions, n_answered,
        created_at, leased_until)
    VALUES (
        %(study)s::bigint, %(annotator)s::bigint, %(participation)s::bigint, %(batch)s::bigint, %(slot)s::bigint,
        'active', false, %(n_positions)s::integer, 0, %(now)s::timestamptz,
        date_trunc('minute', %(now)s::timestamptz) + (%(lease_minutes)s::integer + 1) * interval '1 minute')
    ON CONFLICT DO NOTHING  -- another tab of the same person was first: its pass is the one to resume
    RETURNING id
), given_back AS (
    UPDATE annotation_slot SET state = 'free' WHERE id = %(slot)s::bigint AND NOT EXISTS (SELECT 1 FROM pass)
), asked AS (
    SELECT * FROM unnest(%(questions)s::bigint[], %(sides)s::boolean[], %(repeats)s::boolean[])
        WITH ORDINALITY AS asked (question_id, is_first_left, is_repeat, place)
), shown AS (
    INSERT INTO annotation_presentation (assignment_id, position, question_id, is_first_left, is_repeat)
    SELECT pass.id, asked.place - 1, asked.question_id, asked.is_first_left, asked.is_repeat FROM pass, asked
)
SELECT pass.id AS pass_id, question.id, question.kind, question.reference_id, question.first_id, question.second_id,
       question.attribute
FROM pass, asked JOIN triplets_question question ON question.id = asked.question_id
ORDER BY asked.place
"""


@dataclass(frozen=True)
class Begun:
    """A new pass. The rows hold what a page shows of them; anything else is read from the database when asked for."""

    assignment: Assignment
    participation: Participation
    shown: list[Presentation]


def claim_at_once(participation: int) -> Begun | None:
    """Begin the next pass of the person with this primary key.

    None: nothing was done, since this is not an ordinary beginning, or the connection is gone.
    """
    if connection.vendor != "postgresql":
        return None
    asked = {"participation": participation, "largest_batch": LARGEST_BATCH, "n_remembered": N_REMEMBERED}
    asked = {name: str(value) for name, value in asked.items()}
    connection.ensure_connection()
    try:
        with _exchange(connection.connection) as cursor:
            cursor.execute(TAKE, asked, prepare=True)
            taken = cursor.fetchone()
            if taken is None:
                return None
            taken["options"] = json.loads(taken["options"])  # which Django asks PostgreSQL to give as text
            study = _row(Study, {name: taken[name] for name in OF_STUDY} | {"id": taken["study_id"]})
            drawn = [(*entry, is_first_left()) for entry in compose_pass(study, taken["n_gold"], _supply(taken))]
            cursor.execute(WRITE, _texts(taken, drawn), prepare=True)
        rows = cursor.fetchall()
    except psycopg.OperationalError:  # the server was started again: step by step opens a new connection
        if connection.in_atomic_block:
            raise
        connection.close()
        return None
    return _begun(taken, study, drawn, rows) if rows else None


@contextmanager
def _exchange(database: psycopg.Connection):
    """Give a cursor whose statements are one transaction; BEGIN goes with the first of them, COMMIT with the last.

    psycopg's own `transaction()` waits for an answer to each of the two, even within a pipeline.
    """
    is_inner = connection.in_atomic_block
    try:
        with database.pipeline():
            if not is_inner:
                database.execute("BEGIN")
            yield psycopg.Cursor(database, row_factory=dict_row)
            if not is_inner:
                database.execute("COMMIT")
    finally:
        if not is_inner and not database.closed:
            database.rollback()  # which does nothing where nothing is open


def _supply(taken: dict) -> Supply:
    reference_of = {question: reference for question, reference, *_ in taken["members"] + taken["gold"]}
    reference_of |= dict(taken["shared"])
    return Supply(
        members=[question for question, _ in taken["members"]],
        gold={question: n_times for question, _, n_times in taken["gold"]},
        shared=[question for question, _ in taken["shared"]],
        earlier=taken["earlier"],
        references_of=lambda questions: [reference_of[question] for question in questions],
    )


def _texts(taken: dict, drawn: list[tuple[int, bool, bool]]) -> dict[str, str]:
    questions, repeats, sides = zip(*drawn, strict=True)
    values = {"study": taken["study_id"], "annotator": taken["annotator_id"], "participation": taken["id"]}
    values |= {"batch": taken["batch_id"], "slot": taken["slot_id"], "lease_minutes": taken["lease_minutes"]}
    values |= {"n_positions": len(drawn), "now": timezone.now().isoformat()}
    lists = {"questions": questions, "repeats": repeats, "sides": sides}
    texts = {name: str(value) for name, value in values.items()}
    return texts | {name: "{" + ",".join(map(str, each)) + "}" for name, each in lists.items()}


def _begun(taken: dict, study: Study, drawn: list[tuple[int, bool, bool]], rows: list[dict]) -> Begun:
    participation = _row(Participation, {"id": taken["id"], "n_gold": taken["n_gold"]})
    participation.study = study
    participation.annotator = _row(Annotator, {"id": taken["annotator_id"], "code": taken["code"]})
    assignment = _row(Assignment, {"id": rows[0]["pass_id"], "n_positions": len(rows)})
    shown = [
        Presentation(
            assignment=assignment, position=i, question=_row(Question, row), is_first_left=is_left, is_repeat=is_repeat
        )
        for i, ((_, is_repeat, is_left), row) in enumerate(zip(drawn, rows, strict=True))
    ]
    return Begun(assignment, participation, shown)


def _row(model, values: dict):
    """A row of which only these columns were read; Django reads the others when they are asked for."""
    names = [field.attname for field in model._meta.concrete_fields if field.attname in values]
    return model.from_db(connection.alias, names, [values[name] for name in names])
