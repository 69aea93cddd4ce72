"""Cards say what is known, and that the rest is not."""

import copy

from analysis import cards, sentences, wording

MITCHELL = ["Model details", "Intended use", "Factors", "Metrics", "Training data", "Evaluation data",
            "Quantitative analyses", "Ethical considerations", "Caveats and recommendations"]  # fmt: skip
GEBRU = ["Motivation", "Composition", "Collection process", "Preprocessing, cleaning, labelling", "Uses",
         "Distribution", "Maintenance"]  # fmt: skip


def test_cards_have_the_headings_of_their_papers_and_no_empty_one(measured):
    for card, headings in zip(cards.cards(measured), (MITCHELL, GEBRU), strict=True):
        assert [block.heading for block in card.blocks] == headings
        assert all(block.paragraphs and all(block.paragraphs) for block in card.blocks)


def test_figures_on_the_model_card_are_those_of_the_report(measured):
    text = cards.model_card(measured).markdown()
    share = measured["satisfied"]["test"]["all"]
    assert f"| share of triplets satisfied | {cards._quiet(wording.interval(share, 1))} |" in text
    assert measured["provenance"]["checkpoint"]["sha256"] in text
    assert "10 people in 250 pictures" in text and "10 people are few" in text


def test_the_data_sheet_says_where_the_data_come_from(measured):
    text = cards.data_sheet(measured).markdown()
    assert measured["provenance"]["release"]["sha256"] in text
    assert "Licence: CC0" in text and "| stimuli | 250 |" in text and "Not recorded." in text


def test_the_data_sheet_tells_its_rules_in_sentences(measured):
    results = copy.deepcopy(measured)
    rules = {"triplets": "majority; a tie is not settled", "one_vote": "counts"}
    results["release"]["settings"] = {
        "consensus": rules,
        "min_gold": 8,
        "includes_pictures": True,
        "split": "by subject",
    }
    text = cards.data_sheet(results).markdown()
    assert "Consensus, triplets: majority; a tie is not settled." in text and "Consensus, one vote: counts." in text
    assert "Split: by subject." in text
    assert (
        "| gold questions before anybody is judged | 8 |" in text and "| the release holds the pictures | yes |" in text
    )
    assert "{" not in text and "True" not in text


def test_text_from_outside_stays_text(measured):
    results = copy.deepcopy(measured)
    results["provenance"]["release"]["licence"] = "free\n# Fake heading | [here](http://x) <b>"
    text = cards.data_sheet(results).markdown()
    assert "\n# Fake" not in text and "\\[here\\](http://x) \\<b\\>" in text


def test_a_card_says_what_is_known_of_groups_of_people(rich):
    said = "\n".join(card.markdown() for card in cards.cards(rich) if card.name == "model-card")
    assert rich["groups"]["rows"] and cards._quiet(sentences.of_groups(rich["groups"])) in said
    alone = rich | {"groups": {"omitted": "there is one person"}}
    said = "\n".join(card.markdown() for card in cards.cards(alone))
    assert "Whether it fails for some people more than for others cannot be told: there is one person." in said


def test_the_card_of_a_network_of_pictures_speaks_of_its_answers(rich):
    without = rich | {"splits": {"how": "none", "headline": None, "counts": {}, "is_validation_carved": False}}
    text = cards.model_card(without).markdown()
    assert "another than the one measured" not in text and "Nothing was held out" not in text
    assert "Everybody in the held-out pictures is absent from training" in text
    assert "do not speak of people whom the network has never seen" not in text
    answers = rich["answers"]
    figures = answers["by_split"][answers["split"]]
    said = wording.interval(figures["accuracy"], 1) if answers["kind"] == "class" else "Pearson r"
    assert said in text.replace("\\", "")
    nothing = {name: part for name, part in without.items() if name != "answers"}
    assert "No triplet could be measured" in cards.model_card(nothing).markdown()
