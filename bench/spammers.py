"""The gold filter against a crowd of which a tenth guess, and replacement where nobody, half and everybody guesses.

`python -m bench.spammers`. People answer through the services that the site uses, one pass after another, until
they have seen eight gold questions (newcomers see more of them in their first passes).
Careful people are right on .90, .95 or .98 of the gold questions.
Beside what happened stands what `accuracy.exclusion_probability` says must happen on average.
"""

import io
import os
import tempfile

import numpy as np

SEEDS, N_PEOPLE, SHARE, N_GOLD = 4, 100, 0.1, 8


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "WARNING"}
        os.environ.pop("DATABASE_URL", None)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous = OFF")  # nobody's answers are at stake
        for min_gold in (8, 4):
            found = [screening(min_gold, careful) for careful in (0.90, 0.95, 0.98)]
            guessing, out = np.concatenate(found).T
            print(
                f"  in all, from {min_gold} on: out are {out[guessing].mean():.1%} of {guessing.sum()} who guess, "
                f"{out[~guessing].mean():.1%} of {(~guessing).sum()} careful people",
                flush=True,
            )
        for share in (0.0, 0.5, 1.0):
            replacing(share)


def screening(min_gold: int, careful: float) -> np.ndarray:
    """Return (person, 2) bool, who guesses and who is out: a tenth guesses, and everybody sees eight gold questions
    unless excluded before."""
    from annotation import accuracy

    found = []
    for seed in range(SEEDS):
        rng = np.random.default_rng([min_gold, int(100 * careful), seed])
        study = _study(
            f"screen-{min_gold}-{careful * 100:.0f}-{seed}", n_batches=N_GOLD, replicas=N_PEOPLE, min_gold=min_gold
        )
        guesses = np.arange(N_PEOPLE) < SHARE * N_PEOPLE
        for person in rng.permutation(N_PEOPLE).tolist():
            is_out = _work(study, f"p{person}", 0.5 if guesses[person] else careful, rng, N_GOLD, N_GOLD)
            found.append((guesses[person], is_out))
    guessing, out = np.array(found).T
    expected = [accuracy.exclusion_probability(p, N_GOLD, min_gold=min_gold) for p in (0.5, careful)]
    print(
        f"  threshold .75 from {min_gold} gold questions on, careful people right on {careful:.2f}: "
        f"out are {out[guessing].mean():.1%} of {guessing.sum()} who guess (expected {expected[0]:.1%}), "
        f"{out[~guessing].mean():.1%} of {(~guessing).sum()} careful people ({expected[1]:.1%})",
        flush=True,
    )
    return np.array(found)


def replacing(share: float) -> None:
    """People come until nothing is free, or 200 of them came. Target: 10 batches, 5 passes each; at most 150 slots."""
    from annotation.models import Slot
    from annotation.services.consensus import settle_questions
    from annotation.services.replacement import replace_slots, slot_cap, why_paused

    for seed in range(2):
        rng = np.random.default_rng(100 + seed)
        study = _study(f"replace-{share * 100:.0f}-{seed}", n_batches=10, replicas=5, min_gold=4, batch_size=5)
        n_came = 0
        while n_came < 200 and Slot.objects.filter(study=study, state="free").exists():
            _work(study, f"r{n_came}", 0.5 if rng.random() < share else 0.97, rng, n_passes=8)
            n_came += 1
            replace_slots(study)  # as the sweep does every minute: a pause that is over is noticed then
        slots = {state: Slot.objects.filter(study=study, state=state).count() for state in ("done", "free", "void")}
        settled = settle_questions(study)
        print(
            f"  {share:.0%} guess: {n_came} people came; {slots['done']} of 50 passes good, {slots['free']} free, "
            f"{slots['void']} set aside, {sum(slots.values())} of at most {slot_cap(study)} slots; "
            f"{settled.n_settled} of 50 settled. {why_paused(study)}",
            flush=True,
        )


# Details ------------------------------------------------------------------------------------------


def _study(name: str, n_batches: int, replicas: int, min_gold: int, batch_size: int = 1):
    from annotation.models import Study
    from annotation.services import studies
    from triplets.models import Question, QuestionSet

    collection = _collection()
    question_set = QuestionSet.objects.create(collection=collection, name=name)
    study = Study.objects.create(
        name=name, collection=collection, question_set=question_set, kind="triplet", batch_size=batch_size,
        n_gold_per_batch=1, n_practice=0, responses_per_question=replicas, min_gold=min_gold,
    )  # fmt: skip
    stimuli = list(collection.stimuli.order_by("pk"))
    rng = np.random.default_rng(0)
    trios = {tuple(sorted(rng.choice(len(stimuli), 3, replace=False).tolist())) for _ in range(1000)}
    n = n_batches * batch_size
    Question.objects.bulk_create(
        Question(
            question_set=question_set, kind="triplet", reference=stimuli[c], first=stimuli[a], second=stimuli[b],
            role="ordinary" if i < n else "gold", expected_choice="" if i < n else "first", split="train",
        )
        for i, (a, b, c) in enumerate(sorted(trios)[: n + 20])
    )  # fmt: skip
    studies.create_batches(study)
    studies.open_study(study)
    study.refresh_from_db()
    return study


def _collection():
    from django.core.files.base import ContentFile
    from PIL import Image

    from triplets.models import Collection, Stimulus

    collection, is_new = Collection.objects.get_or_create(name="faces")
    for i in range(30 if is_new else 0):
        picture = io.BytesIO()
        Image.new("RGB", (40, 40), (8 * i, 120, 200)).save(picture, "JPEG")
        stimulus = Stimulus(collection=collection, key=f"s{i:03}", width=40, height=40)
        stimulus.picture.save("x.jpg", ContentFile(picture.getvalue()), save=True)
    return collection


def _work(study, name: str, skill: float, rng, n_passes: int, n_gold: int = 1000) -> bool:
    """One person enters and answers; right with probability `skill`. Returns whether they were excluded."""
    from annotation.models import Presentation
    from annotation.services import assignments, links, responses

    person = links.enter_study(links.Entry(study, "simulated", f"{study.name}:{name}"))
    links.record_consent(person)
    links.record_practice(person)
    for _ in range(n_passes):
        assignment = assignments.claim_assignment(study, person.annotator)
        if assignment is None:
            break
        for shown in Presentation.objects.filter(assignment=assignment).order_by("position"):
            is_left = shown.is_first_left == bool(rng.random() < skill)
            responses.record_response(
                assignment, shown.position, choice="left" if is_left else "right", response_ms=900
            )
        person.refresh_from_db()
        if person.is_excluded or person.n_gold >= n_gold:
            break
    return person.is_excluded


if __name__ == "__main__":
    main()
