import csv

import numpy as np
import pytest

from annotation import voting


def read_crowd_labels(folder):
    with open(folder / "label.csv", encoding="utf-8") as file:
        labels = list(csv.DictReader(file))
    with open(folder / "truth.csv", encoding="utf-8") as file:
        truth = {row["item"]: int(row["truth"]) for row in csv.DictReader(file)}
    item = np.array([row["item"] for row in labels])
    worker = np.array([row["worker"] for row in labels])
    return item, worker, np.array([int(row["label"]) for row in labels]), truth


def simulate(n_questions=400, n_annotators=20, n_votes=5, *, confusion, classes, seed=0):
    """Votes of annotators with known confusion[annotator, true, said] on questions of known truth."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(len(classes), size=n_questions, p=classes)
    question = np.repeat(np.arange(n_questions), n_votes)
    annotator = np.concatenate([rng.choice(n_annotators, size=n_votes, replace=False) for _ in range(n_questions)])
    cumulative = confusion.cumsum(axis=2)[annotator, truth[question]]
    return question, annotator, (rng.random((len(question), 1)) > cumulative).sum(axis=1), truth


@pytest.fixture
def votes():
    """Two classes; a third of the people call almost everything class 1."""
    confusion = np.tile([[0.85, 0.15], [0.15, 0.85]], (20, 1, 1))
    confusion[:7] = [[0.15, 0.85], [0.02, 0.98]]
    return simulate(confusion=confusion, classes=[0.5, 0.5])


class TestByHand:
    def test_five_votes_of_five_people(self):
        question = np.repeat([30, 10, 20], 5)
        label = np.array([0, 0, 0, 0, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0])
        verdicts = voting.majority(question, np.tile(np.arange(5), 3), label)
        assert verdicts.question.tolist() == [10, 20, 30]
        assert verdicts.verdict.tolist() == [1, 0, 0]
        assert verdicts.confidence.tolist() == [0.8, 0.6, 1.0]
        assert verdicts.weight.tolist() == [3, 1, 5]
        assert verdicts.n.tolist() == [5, 5, 5]
        assert not verdicts.tied.any()

    def test_ties_are_shared_by_turns(self):
        question = np.repeat(np.arange(4), 2)
        verdicts = voting.majority(question, np.tile(["ann", "bob"], 4), np.tile([2, 1], 4), n_classes=4)
        assert verdicts.verdict.tolist() == [1, 2, 1, 2]
        assert verdicts.tied.all()
        assert verdicts.weight.tolist() == [0, 0, 0, 0]
        assert voting.shared_accuracy(verdicts, [0, 1, 2, 3, 99], [1, 1, 1, 0, 0]) == 3 * 0.5 / 4

    def test_turns_do_not_depend_on_whether_keys_are_numbers_or_text(self):
        numbers = np.repeat([2, 10, 1, 7, 30], 2)
        as_numbers = voting.majority(numbers, np.tile([0, 1], 5), np.tile([0, 1], 5))
        as_text = voting.majority(numbers.astype(str), np.tile([0, 1], 5), np.tile([0, 1], 5))
        told = dict(zip(as_text.question.tolist(), as_text.verdict.tolist(), strict=True))
        assert [told[str(key)] for key in as_numbers.question] == as_numbers.verdict.tolist()

    def test_wawa_lets_the_person_who_agrees_with_everybody_break_a_tie(self):
        # Ann agrees with the majority on 0, 1, 2; Bob on none. Alone on question 3 they tie, and Ann wins.
        question = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
        annotator = ["ann", "bob", "cem", "dan"] * 3 + ["ann", "bob"]
        label = [1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 1, 0]
        assert voting.majority(question, annotator, np.array(label)).tied[3]
        verdicts = voting.wawa(question, annotator, np.array(label))
        assert verdicts.verdict.tolist() == [1, 0, 1, 1]
        assert verdicts.confidence[3] == pytest.approx(3.5 / 4 / (3.5 / 4 + 0.5 / 4))

    @pytest.mark.parametrize("method", voting.METHODS.values())
    def test_no_votes_no_verdicts(self, method):
        verdicts = method(np.zeros(0, int), np.zeros(0, int), np.zeros(0, int))
        assert all(len(column) == 0 for column in vars(verdicts).values())

    def test_no_responses_no_posterior(self):
        found = voting.triplet_posterior([], [], np.zeros(0, bool), gold={7: True})
        assert all(len(column) == 0 for column in vars(found).values())

    def test_one_vote_is_a_verdict(self):
        for method in voting.METHODS.values():
            assert method(["q"], ["ann"], [1]).verdict.tolist() == [1]

    def test_vote_difference(self):
        assert voting.vote_difference([5, 4, 2, 2], [0, 1, 3, 2]).tolist() == [5, 3, 1, 0]
        with pytest.raises(ValueError, match="0 or more"):
            voting.vote_difference(-1, 2)


def dawid_skene_in_plain_loops(question, annotator, label, n_classes, n_iterations):
    """The definition, one vote after the other."""
    questions, annotators = sorted(set(question)), sorted(set(annotator))
    posterior = {}
    for q in questions:
        said = [x for key, x in zip(question, label, strict=True) if key == q]
        posterior[q] = [said.count(k) / len(said) for k in range(n_classes)]
    for _ in range(n_iterations):
        classes = [sum(posterior[q][k] for q in questions) / len(questions) for k in range(n_classes)]
        confusion = {(a, s, t): 0.01 for a in annotators for s in range(n_classes) for t in range(n_classes)}
        for q, a, s in zip(question, annotator, label, strict=True):
            for t in range(n_classes):
                confusion[a, s, t] += posterior[q][t]
        for a in annotators:
            for t in range(n_classes):
                total = sum(confusion[a, s, t] for s in range(n_classes))
                for s in range(n_classes):
                    confusion[a, s, t] /= total
        for q in questions:
            joint = list(classes)
            for key, a, s in zip(question, annotator, label, strict=True):
                if key == q:
                    joint = [joint[t] * confusion[a, s, t] for t in range(n_classes)]
            posterior[q] = [x / sum(joint) for x in joint]
    return np.array([posterior[q] for q in questions])


class TestLaws:
    def test_dawid_skene_agrees_with_its_definition_in_plain_loops(self):
        confusion = np.tile([[0.7, 0.2, 0.1], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]], (6, 1, 1))
        question, annotator, label, _ = simulate(30, 6, 3, confusion=confusion, classes=[0.5, 0.3, 0.2])
        twin = dawid_skene_in_plain_loops(question.tolist(), annotator.tolist(), label.tolist(), 3, 400)
        assert np.allclose(voting.dawid_skene(question, annotator, label).probability, twin, atol=1e-3)

    @pytest.mark.parametrize("method", voting.METHODS.values())
    def test_the_order_of_votes_and_the_names_of_people_mean_nothing(self, method, votes):
        question, annotator, label, _ = votes
        order = np.random.default_rng(1).permutation(len(question))
        names = np.array([f"w{key:02d}" for key in np.random.default_rng(2).permutation(20)])
        expected = method(question, annotator, label)
        found = method(question[order], names[annotator][order], label[order])
        assert np.array_equal(found.verdict, expected.verdict)
        assert np.allclose(found.probability, expected.probability, atol=1e-6)

    @pytest.mark.parametrize("method", voting.METHODS.values())
    def test_renaming_the_labels_renames_the_verdicts(self, method, votes):
        question, annotator, label, _ = votes
        expected = method(question, annotator, label)
        found = method(question, annotator, 1 - label)
        assert np.allclose(found.probability, expected.probability[:, ::-1], atol=1e-6)
        assert np.allclose(expected.probability.sum(axis=1), 1)

    def test_swapping_candidates_turns_the_posterior_of_a_triplet_round(self, votes):
        question, annotator, label, _ = votes
        expected = voting.triplet_posterior(question, annotator, label == 0)
        swapped = voting.triplet_posterior(question, annotator, label != 0)
        assert np.allclose(swapped.probability_first, 1 - expected.probability_first, atol=1e-6)
        assert np.allclose(swapped.skill, expected.skill, atol=1e-6)


class TestRecovery:
    def test_full_confusion_sees_through_people_who_call_everything_one(self, votes):
        question, annotator, label, truth = votes
        methods = voting.METHODS.items()
        accuracy = {name: np.mean(method(question, annotator, label).verdict == truth) for name, method in methods}
        assert accuracy["dawid-skene"] > accuracy["majority"] + 0.04
        assert accuracy["auto"] > accuracy["majority"] + 0.04

    def test_annotators_skill_is_found_and_the_posterior_is_no_bolder_than_it_is_right(self):
        skill = np.linspace(0.55, 0.97, 20)
        confusion = np.array([[[s, 1 - s], [1 - s, s]] for s in skill])
        question, annotator, label, truth = simulate(2000, confusion=confusion, classes=[0.5, 0.5])
        found = voting.triplet_posterior(question, annotator, label == 0)
        assert np.abs(found.skill - skill).max() < 0.06
        right = (found.probability_first > 0.5) == (truth == 0)
        believed = np.maximum(found.probability_first, 1 - found.probability_first)
        assert right.mean() - 0.04 < believed.mean() < right.mean() + 0.005
        assert right.mean() > np.mean(voting.majority(question, annotator, label).verdict == truth) + 0.01

    def test_known_gold_turns_a_crowd_of_misled_people_round(self):
        """Most people read the question upside down: only gold can tell."""
        confusion = np.tile([[0.1, 0.9], [0.9, 0.1]], (10, 1, 1))
        confusion[:3] = [[0.9, 0.1], [0.1, 0.9]]
        question, annotator, label, truth = simulate(300, 10, 5, confusion=confusion, classes=[0.5, 0.5])
        gold = dict(enumerate(truth[:60].tolist()))
        for method in (voting.dawid_skene, voting.one_coin, voting.auto):
            assert np.mean(method(question, annotator, label).verdict[60:] == truth[60:]) < 0.3
            with_gold = method(question, annotator, label, gold=gold)
            assert np.mean(with_gold.verdict[60:] == truth[60:]) > 0.9
            assert with_gold.verdict[:60].tolist() == truth[:60].tolist()
            assert with_gold.confidence[:60].min() == 1.0
        first_is_right = (np.arange(60), truth[:60] == 0)
        found = voting.triplet_posterior(question, annotator, label == 0, gold=first_is_right)
        assert np.mean((found.probability_first[60:] > 0.5) == (truth[60:] == 0)) > 0.9

    def test_auto_falls_back_to_the_majority_where_labels_per_person_are_few(self):
        rng = np.random.default_rng(0)
        question, label = np.repeat(np.arange(200), 5), rng.integers(3, size=1000)
        annotator = np.arange(1000) // 2
        expected = voting.majority(question, annotator, label)
        assert np.array_equal(voting.auto(question, annotator, label).verdict, expected.verdict)
        assert np.array_equal(voting.auto(question, annotator, label).probability, expected.probability)

    @pytest.mark.parametrize("classes", [[0.25] * 4, [0.7, 0.1, 0.1, 0.1]])
    @pytest.mark.parametrize("n_annotators", [30, 400])
    def test_auto_stays_near_the_majority_where_hard_questions_mislead_everybody(self, classes, n_annotators):
        """On a third of the questions people err together, towards one wrong label: Dawid-Skene cannot see that."""
        rng = np.random.default_rng(5)
        truth, decoy = rng.choice(4, size=800, p=classes), rng.integers(4, size=800)
        hard = rng.random(800) < 0.33
        question = np.repeat(np.arange(800), 5)
        annotator = rng.integers(n_annotators, size=4000)
        right = rng.random(4000) < np.where(hard[question], 0.4, rng.beta(6, 2, size=n_annotators)[annotator])
        label = np.where(right, truth[question], np.where(hard[question], decoy[question], rng.integers(4, size=4000)))
        truth = (np.arange(800), truth)
        of_majority = voting.shared_accuracy(voting.majority(question, annotator, label), *truth)
        assert voting.shared_accuracy(voting.auto(question, annotator, label), *truth) > of_majority - 0.01

    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_auto_leaves_alike_people_to_the_majority_where_a_frequent_class_swallows_hard_questions(self, n_classes):
        """Plain Dawid-Skene splits hard from easy questions here, instead of class from class, and loses."""
        rng = np.random.default_rng(7)
        classes = np.full(n_classes, 0.3 / (n_classes - 1))
        classes[0] = 0.7
        truth = rng.choice(n_classes, size=600, p=classes)
        question, annotator = np.repeat(np.arange(600), 15), rng.integers(90, size=9000)
        hard = (rng.random(600) < 0.5)[question]
        right = rng.random(9000) < np.where(hard, 0.55, 0.85)
        label = np.where(right, truth[question], np.where(hard, rng.integers(n_classes, size=600)[question], 0))
        truth = (np.arange(600), truth)
        of_majority = voting.shared_accuracy(voting.majority(question, annotator, label), *truth)
        assert voting.shared_accuracy(voting.dawid_skene(question, annotator, label), *truth) < of_majority - 0.05
        assert voting.shared_accuracy(voting.auto(question, annotator, label), *truth) > of_majority - 0.01

    def test_auto_follows_the_model_where_hidden_gold_says_so_although_people_are_alike(self):
        """Everybody takes half of one class for the other: only the known answers can tell."""
        confusion = np.tile([[0.95, 0.05], [0.6, 0.4]], (20, 1, 1))
        question, annotator, label, truth = simulate(400, confusion=confusion, classes=[0.4, 0.6])
        gold = dict(enumerate(truth[:100].tolist()))
        assert np.array_equal(
            voting.auto(question, annotator, label).verdict, voting.majority(question, annotator, label).verdict
        )
        with_gold = voting.auto(question, annotator, label, gold=gold)
        of_majority = np.mean(voting.majority(question, annotator, label).verdict[100:] == truth[100:])
        assert np.mean(with_gold.verdict[100:] == truth[100:]) > of_majority + 0.05


# majority, Wawa, one-coin, Dawid-Skene as others measured them on the same labels
PUBLISHED = {
    "face_sentiment": (0.637, 0.630, 0.611, 0.640),
    "bluebird": (0.759, 0.759, 0.583, 0.898),
    "rte": (0.897, 0.921, 0.921, 0.928),
}


@pytest.mark.shared_data
class TestRealLabels:
    @pytest.mark.parametrize("name", PUBLISHED)
    def test_every_method_reaches_its_published_figure(self, name, shared_data):
        item, worker, label, truth = read_crowd_labels(shared_data / "crowd_labels" / name)
        for method, published in zip(("majority", "wawa", "one-coin", "dawid-skene"), PUBLISHED[name], strict=True):
            verdicts = voting.METHODS[method](item, worker, label)
            right = [truth[key] == verdict for key, verdict in zip(verdicts.question, verdicts.verdict, strict=True)]
            assert np.mean(right) == pytest.approx(published, abs=0.003), method
            assert voting.shared_accuracy(verdicts, list(truth), truth.values()) == pytest.approx(published, abs=0.003)

    @pytest.mark.parametrize("name", PUBLISHED)
    def test_auto_is_at_least_the_best_column(self, name, shared_data):
        item, worker, label, truth = read_crowd_labels(shared_data / "crowd_labels" / name)
        accuracy = voting.shared_accuracy(voting.auto(item, worker, label), list(truth), truth.values())
        assert round(accuracy, 3) >= max(PUBLISHED[name])

    @pytest.mark.parametrize("name", PUBLISHED)
    @pytest.mark.parametrize("n_labels", [3, 5, 12, 20])
    def test_auto_is_never_much_below_majority_when_people_gave_few_labels(self, name, n_labels, shared_data):
        """The same votes, but as if each person had left after n_labels: majority stays, knowledge of people goes."""
        item, worker, label, truth = read_crowd_labels(shared_data / "crowd_labels" / name)
        order = np.random.default_rng(0).permutation(len(item))
        seen, stage = {}, []
        for key in worker[order]:
            seen[key] = seen.get(key, -1) + 1
            stage.append(f"{key}/{seen[key] // n_labels}")
        item, label, worker = item[order], label[order], np.array(stage)
        of_majority = voting.shared_accuracy(voting.majority(item, worker, label), list(truth), truth.values())
        of_auto = voting.shared_accuracy(voting.auto(item, worker, label), list(truth), truth.values())
        assert of_auto > of_majority - 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1], [0, 1]), "expected one length for all three"),
        (([1], [1], [2], 2), "label 2 with 2 classes: expected 0 to 1"),
        (([1], [1], [-1]), "label -1"),
        (([1], [1], [0.5]), "float64"),
        (([1], [1], [0], 2, {1: 4}), "label 4 with 2 classes"),
    ],
)
def test_wrong_votes_are_refused_with_a_reason(arguments, message):
    with pytest.raises(ValueError, match=message):
        voting.majority(*arguments)


def test_choices_of_a_triplet_are_booleans():
    with pytest.raises(ValueError, match="chose_first has type int64"):
        voting.triplet_posterior([1], [1], [1])
