"""Questions of a collection: designed, chosen, rated, and gold."""

from collections import Counter
from itertools import combinations

import pytest

from triplets.models import Collection, Stimulus, Subject
from triplets.services.questions import (
    GoldChoice,
    GoldRating,
    GoldTriplet,
    QuestionsRefused,
    add_gold,
    create_chosen_triplets,
    create_question_set,
    create_rating_questions,
    create_triplet_questions,
    propose_gold,
    propose_practice,
    read_gold_csv,
)

pytestmark = pytest.mark.django_db

CLASSES = ("neutral", "happy", "sad", "angry")


def make_collection(n_subjects=9, classes=CLASSES, splits=("train", "test"), picture="p.jpg", **fields):
    """Stimuli with a picture (its file is never read), labels, and two splits by subject."""
    collection = Collection.objects.create(name=f"faces{Collection.objects.count()}")
    for number in range(n_subjects):
        subject = Subject.objects.create(collection=collection, name=f"s{number}", split=splits[number % len(splits)])
        Stimulus.objects.bulk_create(
            Stimulus(
                collection=collection, subject=subject, key=f"s{number}_{label}", picture=picture, class_label=label,
                is_neutral=label == "neutral", content_sha256="0", **fields,
            )
            for label in classes
        )  # fmt: skip
    return collection


@pytest.fixture
def collection():
    return make_collection()


@pytest.fixture
def question_set(collection):
    return create_question_set(collection, "smiles")


def of_question(question):
    return [question.reference, question.first, question.second]


def full(question_set):
    return question_set.questions.select_related("reference__subject", "first__subject", "second__subject")


class TestDesign:
    def test_every_stimulus_takes_part_as_often_as_wanted_within_its_split(self, question_set):
        n = create_triplet_questions(question_set, k_same=3, k_different=3).n_created
        questions = list(full(question_set))
        assert len(questions) == n
        same, different = Counter(), Counter()
        for question in questions:
            stimuli = of_question(question)
            subjects = {stimulus.subject_id for stimulus in stimuli}
            assert len(subjects) == (1 if question.is_same_subject else 3)
            assert {stimulus.subject.split for stimulus in stimuli} == {question.split}
            assert question.first_id < question.second_id
            assert (question.kind, question.role, question.sampler) == ("triplet", "ordinary", "design")
            (same if question.is_same_subject else different).update(stimulus.pk for stimulus in stimuli)
        pks = list(Stimulus.objects.values_list("pk", flat=True))
        assert {same[pk] for pk in pks} == {3}
        # 20 and 16 stimuli a split: 3 x 16 slots make 16 threes, and 3 x 20 make 20.
        assert {different[pk] for pk in pks} == {3}

    def test_it_follows_from_the_seed(self, collection):
        made = []
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            question_set = create_question_set(collection, name)
            create_triplet_questions(question_set, seed=seed)
            made.append(set(question_set.questions.values_list("reference", "first", "second")))
        assert made[0] == made[1] != made[2]

    def test_asking_again_asks_something_else(self, question_set):
        first = create_triplet_questions(question_set, k_same=0, k_different=3).n_created
        second = create_triplet_questions(question_set, k_same=0, k_different=3).n_created
        assert (
            question_set.questions.values("reference", "first", "second").distinct().count()
            == question_set.questions.count()
            == first + second
        )

    def test_only_pictures_are_asked(self, collection, question_set):
        hidden = set(Stimulus.objects.filter(key__contains="angry").values_list("pk", flat=True))
        Stimulus.objects.filter(pk__in=hidden).update(picture="")
        create_triplet_questions(question_set)
        shown = {stimulus.pk for question in full(question_set) for stimulus in of_question(question)}
        assert shown
        assert not shown & hidden

    def test_nothing_to_ask_is_said(self):
        question_set = create_question_set(make_collection(picture=""), "blind")
        for create in (
            create_triplet_questions,
            lambda s: create_rating_questions(s, ["happy"]),
            lambda s: propose_gold(s, 1),
        ):
            with pytest.raises(QuestionsRefused, match="has no stimulus with a picture to ask about"):
                create(question_set)

    def test_stimuli_without_a_subject_are_persons_of_their_own(self, question_set):
        Stimulus.objects.update(subject=None)
        create_triplet_questions(question_set)
        assert set(question_set.questions.values_list("is_same_subject", flat=True)) == {False}

    def test_without_any_split_all_is_for_training(self):
        question_set = create_question_set(make_collection(splits=("",)), "small")
        create_triplet_questions(question_set)
        assert set(question_set.questions.values_list("split", flat=True)) == {"train"}

    def test_beside_split_subjects_an_unsplit_one_teaches_nothing(self):
        question_set = create_question_set(make_collection(splits=("train", "")), "mixed")
        create_triplet_questions(question_set)
        assert Counter(question_set.questions.values_list("split", flat=True)).keys() == {"train", "none"}

    @pytest.mark.parametrize(
        ("classes", "because"),
        [(("a", "b"), "a triplet of one person takes three"), (("a", "b", "c"), "there are too few pictures")],
    )
    def test_stimuli_that_fall_short_are_reported(self, classes, because):
        question_set = create_question_set(make_collection(n_subjects=3, splits=("train",), classes=classes), "few")
        designed = create_triplet_questions(question_set, k_same=3, k_different=30)
        n = 3 * len(classes)
        assert f"{n} of {n} stimuli take part in fewer triplets than wanted because {because}" in designed.reason

    def test_the_name_of_a_set_is_taken_once(self, collection, question_set):
        with pytest.raises(QuestionsRefused, match="already a set of questions called 'smiles'"):
            create_question_set(collection, "smiles")


class TestChosen:
    def rows(self, **keys):
        return {name: Stimulus.objects.get(key=key).pk for name, key in keys.items()}

    def test_chosen_triplets_are_created_once_in_canonical_order(self, question_set):
        a, b, c = (Stimulus.objects.get(key=key).pk for key in ("s0_sad", "s2_sad", "s4_happy"))
        assert (
            create_chosen_triplets(question_set, [(a, c, b), (a, b, c), (b, a, c)], ["informative", "random", "random"])
            == 2
        )
        assert set(question_set.questions.values_list("reference", "first", "second", "sampler", "split")) == {
            (a, b, c, "informative", "train"),
            (b, a, c, "random", "train"),
        }
        assert create_chosen_triplets(question_set, [(a, b, c)], "informative") == 0

    def test_all_of_one_subject_is_fine(self, question_set):
        pks = [Stimulus.objects.get(key=f"s0_{label}").pk for label in CLASSES[:3]]
        assert create_chosen_triplets(question_set, [pks], "informative") == 1
        assert question_set.questions.get().is_same_subject is True

    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            (("s0_sad", "s1_sad", "s2_sad"), "s0_sad / s1_sad / s2_sad crosses splits"),
            (("s0_sad", "s0_happy", "s2_sad"), "mixes two subjects"),
            (("s0_sad", "s2_happy", "s0_happy"), "mixes two subjects"),
            (("s0_sad", "s2_happy", "s2_sad"), "mixes two subjects"),
        ],
    )
    def test_what_must_not_be_asked_is_refused(self, question_set, keys, message):
        pks = [Stimulus.objects.get(key=key).pk for key in keys]
        with pytest.raises(QuestionsRefused, match=message):
            create_chosen_triplets(question_set, [pks], "informative")
        assert not question_set.questions.exists()

    def test_stimuli_of_elsewhere_are_refused(self, question_set):
        other = make_collection()
        pks = list(other.stimuli.values_list("pk", flat=True)[:3])
        with pytest.raises(QuestionsRefused, match=f"stimulus {pks[0]} cannot be asked in 'faces0'"):
            create_chosen_triplets(question_set, [pks], "informative")

    def test_nothing_chosen_is_nothing_created(self, question_set):
        assert create_chosen_triplets(question_set, [], "informative") == 0


class TestRatings:
    def test_every_attribute_of_every_picture_once(self, question_set):
        assert create_rating_questions(question_set, ["happy", "trustworthy"]) == 72
        assert create_rating_questions(question_set, ["happy", "old"]) == 36
        question = question_set.questions.get(reference__key="s1_sad", attribute="happy")
        assert (question.kind, question.role, question.split, question.first_id) == ("rating", "ordinary", "test", None)

    @pytest.mark.parametrize("attributes", [[], ["happy", "happy"], ["happy", " "]])
    def test_attributes_that_are_none(self, question_set, attributes):
        with pytest.raises(QuestionsRefused, match="expected one or more different names"):
            create_rating_questions(question_set, attributes)


class TestGold:
    def test_the_researchers_own(self, question_set):
        triplets = [
            GoldTriplet("s0_sad", "s4_happy", "s2_sad", "s2_sad"),
            GoldTriplet("s0_sad", "s0_sad", "s1_happy", "s0_sad"),
        ]
        ratings = [GoldRating("s0_happy", "happy", 8.5, 1.5)]
        assert add_gold(question_set, triplets, ratings) == 3
        first, second, third = full(question_set).order_by("pk")
        assert [stimulus.key for stimulus in of_question(first)] == ["s0_sad", "s2_sad", "s4_happy"]
        assert (first.expected_choice, first.role, first.split) == ("first", "gold", "none")
        # A check question: the reference itself is a candidate, and the right one.
        assert second.reference_id == second.first_id
        assert second.expected_choice == "first"
        assert (third.expected_rating, third.rating_tolerance, third.attribute) == (8.5, 1.5, "happy")
        assert add_gold(question_set, triplets, ratings) == 0

    def test_the_same_question_can_be_gold_and_practice_but_never_with_two_answers(self, question_set):
        add_gold(question_set, [GoldTriplet("s0_sad", "s1_sad", "s2_happy", "s1_sad")])
        assert add_gold(question_set, [GoldTriplet("s0_sad", "s2_happy", "s1_sad", "s1_sad")], role="practice") == 1
        with pytest.raises(QuestionsRefused, match="already there with another answer"):
            add_gold(question_set, [GoldTriplet("s0_sad", "s1_sad", "s2_happy", "s2_happy")])

    @pytest.mark.parametrize(
        ("gold", "message"),
        [
            (GoldTriplet("nobody", "s1_sad", "s2_sad", "s1_sad"), "no stimulus 'nobody' with a picture"),
            (GoldTriplet("s0_sad", "s1_sad", "s1_sad", "s1_sad"), "expected one of two different candidates"),
            (GoldTriplet("s0_sad", "s1_sad", "s2_sad", "s0_sad"), "chosen is 's0_sad', expected one of two"),
        ],
    )
    def test_what_cannot_be_gold(self, question_set, gold, message):
        fine = GoldTriplet("s0_sad", "s1_sad", "s2_happy", "s1_sad")
        with pytest.raises(QuestionsRefused, match=message):
            add_gold(question_set, [fine, gold])
        assert not question_set.questions.exists()

    def test_ratings_that_cannot_be_gold(self, question_set):
        for gold in (GoldRating("s0_sad", "happy", float("nan"), 1), GoldRating("s0_sad", "happy", 2, -1)):
            with pytest.raises(QuestionsRefused, match="expected an attribute, a number and a tolerance"):
                add_gold(question_set, ratings=[gold])

    def test_a_csv_of_gold(self):
        text = "chosen,reference,first,second\nb,a,b,c\n"
        assert read_gold_csv(text.encode()) == ([GoldTriplet("a", "b", "c", "b")], [], [])
        text = "stimulus,attribute,rating,tolerance\na,happy,8,1.5\n"
        assert read_gold_csv(text.encode()) == ([], [GoldRating("a", "happy", 8, 1.5)], [])
        text = "stimulus,label\na,sad\n"
        assert read_gold_csv(text.encode()) == ([], [], [GoldChoice("a", "sad")])
        text = "sep=;\nStimulus;Attribute;Rating;Tolerance\nä;happy;8,5;1\n;;;\n"
        assert read_gold_csv(text.encode("utf-16")) == ([], [GoldRating("ä", "happy", 8.5, 1)], [])
        for content, reason in (
            (b"PK\x03\x04", "the file is a workbook"),
            (b"a,b\n\xff", "the file is no text in UTF-8"),
        ):
            with pytest.raises(QuestionsRefused, match=reason):
                read_gold_csv(content)
        with pytest.raises(QuestionsRefused, match="the columns are a, b: expected reference"):
            read_gold_csv(b"a,b\n1,2\n")
        with pytest.raises(
            QuestionsRefused, match="line 2: a cell is empty; line 3: could not convert string to float: 'x'"
        ):
            read_gold_csv(b"stimulus,attribute,rating,tolerance\na,happy,,1\na,happy,x,1\n")


class TestProposals:
    def test_proposed_triplets_are_plain(self, question_set):
        proposal = propose_gold(question_set, 10, seed=3)
        assert (proposal.n_created, proposal.reason) == (10, "")
        for question in full(question_set):
            chosen = getattr(question, question.expected_choice)
            other = question.second if chosen == question.first else question.first
            assert question.reference.class_label == chosen.class_label != other.class_label
            assert not question.reference.is_neutral
            assert len({stimulus.subject_id for stimulus in of_question(question)}) in (1, 3)
            assert question.role == "gold"

    def test_gold_practice_and_ordinary_questions_never_meet(self, question_set):
        create_triplet_questions(question_set)
        propose_gold(question_set, 30, seed=1)
        propose_practice(question_set, 30, seed=1)
        keys = {
            role: {
                (reference, frozenset(candidates))
                for reference, *candidates in question_set.questions.filter(role=role).values_list(
                    "reference", "first", "second"
                )
            }
            for role in ("ordinary", "gold", "practice")
        }
        assert len(keys["gold"]) == len(keys["practice"]) == 30
        assert all(not keys[a] & keys[b] for a, b in combinations(keys, 2))

    def test_the_expected_side_cannot_be_guessed(self, question_set):
        propose_gold(question_set, 100)
        choices = Counter(question_set.questions.values_list("expected_choice", flat=True))
        assert 25 < choices["first"] < 75

    def test_where_there_is_one_expression_the_neutral_face_is_the_other(self):
        question_set = create_question_set(make_collection(classes=("neutral", "smiling")), "london")
        assert propose_gold(question_set, 10).n_created == 10
        for question in full(question_set):
            chosen = getattr(question, question.expected_choice)
            assert chosen.class_label == question.reference.class_label

    def test_without_labels_nothing_is_proposed_and_the_reason_is_clear(self, question_set):
        Stimulus.objects.update(class_label="", is_neutral=None)
        proposal = propose_gold(question_set, 10)
        assert proposal.n_created == 0
        assert proposal.reason == "no gold was proposed because the stimuli carry fewer than two expression classes"

    def test_where_labels_allow_few_the_reason_is_clear(self):
        question_set = create_question_set(make_collection(n_subjects=3, classes=("happy", "sad")), "few")
        proposal = propose_gold(question_set, 1000)
        assert 0 < proposal.n_created == question_set.questions.count() < 1000
        assert proposal.reason.endswith(
            "of 1,000 questions were proposed because the labels give no more clear and distinct triplets"
        )

    def test_none_wanted_none_made(self, question_set):
        assert propose_gold(question_set, 0).n_created == 0


class TestProposedRatings:
    def give(self, **values):
        for key, value in values.items():
            Stimulus.objects.filter(key=key).update(attributes={"happy": value})

    def test_the_ends_of_the_scale_in_turns_and_never_the_middle(self, question_set):
        self.give(s0_happy=8.8, s1_happy=8.0, s2_happy=5.5, s3_sad=1.2, s4_sad=2.9, s5_sad=3.5)
        create_rating_questions(question_set, ["happy"])
        proposal = propose_gold(question_set, 10)
        assert proposal.n_created == 4
        assert "4 of 10" in proposal.reason
        gold = question_set.questions.filter(role="gold").order_by("pk")
        assert [question.expected_rating for question in gold] == [1.2, 8.8, 2.9, 8.0]
        assert all(abs(question.expected_rating - 5) > question.rating_tolerance == 2 for question in gold)

    def test_practice_takes_what_gold_left(self, question_set):
        self.give(s0_happy=8.8, s1_happy=8.0, s3_sad=1.2, s4_sad=2.9)
        assert propose_gold(question_set, 2, attributes=["happy"]).n_created == 2
        assert propose_practice(question_set, 2, attributes=["happy"]).n_created == 2
        assert question_set.questions.values("reference").distinct().count() == 4

    def test_values_on_another_scale_are_not_guessed_at(self, question_set):
        self.give(s0_happy=88, s1_happy=3)
        proposal = propose_gold(question_set, 2, attributes=["happy", "old"])
        assert proposal.n_created == 0
        assert "known values of 'happy' run from 3 to 88, outside the scale 1 to 9" in proposal.reason
        assert "no stimulus has a known value of 'old'" in proposal.reason
        assert propose_gold(question_set, 2, attributes=["happy"], scale=(0, 100)).n_created == 2
