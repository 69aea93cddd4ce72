"""A model card and a data sheet of a report, from nothing but its results: headings and paragraphs for page and file.

The model card has the sections of Mitchell et al., Model Cards for Model Reporting (2019); the data sheet those of
Gebru et al., Datasheets for Datasets (2021). What nobody has recorded is said to be unknown, never guessed.
"""

import re
from dataclasses import dataclass, field

from analysis import sentences, wording
from analysis.typesetting import bracketed
from triplets.counting import counted

UNKNOWN = "Not recorded."


@dataclass(frozen=True)
class Block:
    """A heading with paragraphs, and rows of a table (the first one its head)."""

    heading: str
    paragraphs: tuple[str, ...]
    table: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Card:
    """A card. name : of its file, without ending"""

    name: str
    title: str
    blocks: tuple[Block, ...] = field(default_factory=tuple)

    def markdown(self) -> str:
        """Return the card as Markdown; text from outside cannot become a heading, a table or a link."""
        parts = [f"# {_quiet(self.title)}"]
        for block in self.blocks:
            parts.append(f"## {block.heading}")
            parts += [_quiet(text) for text in block.paragraphs]
            if block.table:
                head, *rows = [[_quiet(cell) for cell in row] for row in block.table]
                lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
                parts.append("\n".join(lines))
        return "\n\n".join(parts) + "\n"


def cards(results: dict) -> tuple[Card, ...]:
    return model_card(results), data_sheet(results)


def model_card(results: dict) -> Card:
    """Return what somebody should know who wants to use the network."""
    origin, n = results["provenance"], results["n"]
    made, release = origin["checkpoint"], origin["release"]
    config = made.get("config") or {}
    kind = (config.get("network") or {}).get("kind") or made["recipe"] or "unknown"
    details = (
        f"Recipe {made['recipe'] or 'unknown'} ({kind}), seed {_known(made['seed'])}, step {_known(made['step'])}, "
        f"code {made['code_version'] or 'unknown'}. SHA-256 of the checkpoint: {made.get('sha256') or 'unknown'}."
    )
    metrics, quantitative = _metrics(results)
    return Card(
        "model-card",
        f"Model card: {made['recipe'] or 'network'} on {release['name']}",
        (
            Block(
                "Model details",
                (*_report(results), details, f"Licence of the training data: {release['licence'] or 'not recorded'}."),
            ),
            Block(
                "Intended use",
                (
                    "Research on how people see faces: placing expressions of faces like the training faces so that "
                    "near means alike to the people who judged them.",
                    "Not for telling what anybody feels, for identifying people, for choosing, rating or watching "
                    "people, nor for faces, groups or cameras unlike those below.",
                ),
            ),
            Block(
                "Factors",
                (
                    f"{counted(n['subjects'], 'person', 'people')} in {counted(n['embedded'], 'picture')}. "
                    "Groups that the manifest names: "
                    f"{_groups(results) or 'none, so that nothing can be said about how groups of people fare'}.",
                    _distances(results),
                ),
            ),
            Block("Metrics", metrics),
            Block("Training data", (_training(results),)),
            Block("Evaluation data", (wording.meaning_of_splits(results),)),
            Block("Quantitative analyses", (results["headline"], *_gaps(results)), quantitative),
            Block(
                "Ethical considerations",
                (
                    "An expression is what people see, not what the person in the picture feels; the network repeats "
                    "what its annotators saw, their habits and prejudices included.",
                    "Pictures of faces are personal data. The checkpoint holds weights and average faces, no picture.",
                ),
            ),
            Block("Caveats and recommendations", _caveats(results)),
        ),
    )


def _report(results: dict) -> tuple[str, ...]:
    """Return what the report is called and what its maker notes, where the results say so (`titles.named`)."""
    title, note = results.get("title"), results.get("note")
    return (f"Report: {title}. {note}".strip(),) if title else ()


def data_sheet(results: dict) -> Card:
    """Return where the release comes from and what is in it."""
    origin = results["provenance"]["release"]
    about = results.get("release") or {}
    counts, study = about.get("counts") or {}, about.get("study") or {}
    collection, settings = about.get("collection") or {}, about.get("settings") or {}
    listed = tuple((name.replace("_", " "), f"{value:,}") for name, value in counts.items() if isinstance(value, int))
    asked = study.get("question_text") or study.get("title") or origin["study"] or UNKNOWN
    rules, table = _processing(settings)
    return Card(
        "data-sheet",
        f"Data sheet: {origin['name']}",
        (
            Block("Motivation", (f"Collected to learn how people see faces. Study: {origin['study'] or 'unnamed'}.",
                                 f"What people were asked: {asked}")),
            Block("Composition", (
                f"Stimuli of the collection {origin['collection'] or 'without a name'}, landmarks "
                f"{origin['scheme'] or 'of no named scheme'}, settled judgements, every response under a pseudonym. "
                f"SHA-256 of the manifest, which covers every byte: {origin['sha256']}.",
                _division(results),
            ), (("what", "how many"), *listed) if listed else ()),
            Block("Collection process", (
                f"Source of the pictures: {collection.get('source') or origin['source'] or UNKNOWN}",
                f"Annotators: {_known(settings.get('n_annotators'))}, of whom {_known(settings.get('n_excluded'))} "
                "were left out by the rule below.",
                _consent(settings, collection),
            )),
            Block("Preprocessing, cleaning, labelling", rules or (UNKNOWN,), table),
            Block("Uses", ("Training and measuring representations of faces that agree with people. The judgements say "
                           "how faces look to these annotators, not what the people in them felt.",)),
            Block("Distribution", (f"Licence: {origin['licence'] or UNKNOWN}",)),
            Block("Maintenance", ("A release is frozen: it is never changed. Whatever is settled later becomes another "
                                  "release with another checksum.",)),
        ),
    )  # fmt: skip


# What the cards say --------------------------------------------------------------------------------


SETTINGS = {
    "responses_per_question": "good responses wanted for each question",
    "gold_threshold": "least accuracy on gold questions",
    "min_gold": "gold questions before anybody is judged",
    "batch_size": "ordinary questions in a batch",
    "n_gold_per_batch": "gold questions in a batch",
    "floor_ms": "flagged as fast below, ms",
    "seed": "seed",
    "includes_pictures": "the release holds the pictures",
    "n_annotators": "annotators",
    "n_excluded": "annotators whose data is not used",
}


def _processing(settings: dict) -> tuple[tuple[str, ...], tuple]:
    """Return (the rules in sentences, rows of the settings) of a release; a rule is a text or names several."""
    said, rows = [], []
    for name, value in settings.items():
        words = SETTINGS.get(name, name.replace("_", " "))
        if isinstance(value, dict):
            said += [_sentence(f"{words}, {key.replace('_', ' ')}: {_known(rule)}") for key, rule in value.items()]
        elif isinstance(value, str) and " " in value:
            said.append(_sentence(f"{words}: {value}"))
        else:
            rows.append((words, _known(value)))
    return tuple(said), (("setting", "value"), *rows) if rows else ()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _known(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "unknown"
    return f"{value:,}" if isinstance(value, int) and value > 9999 else str(value)


def _metrics(results: dict) -> tuple[tuple[str, ...], tuple]:
    """Return (what is measured and how sure, rows of the figures)."""
    split, rows = results["splits"]["headline"], []
    if split is None:
        rows = _answered(results)
        said = "What the network answers about held-out pictures." if rows else "No triplet could be measured."
        return (said,), (("figure", "value and 95 % interval"), *rows) if rows else ()
    rows.append(("share of triplets satisfied", wording.interval(results["satisfied"][split]["all"], 1)))
    for name, by_split in results["baselines"].items():
        rows.append((f"baseline: {wording.name_of(name)}", wording.interval(by_split[split]["all"], 1)))
    ceiling = (results["ceilings"].get(split) or {}).get("all") or {}
    for kind, words in (("one_person", "ceiling: one more person"), ("oracle", "ceiling: oracle of the majority")):
        if ceiling.get(kind):
            rows.append((words, wording.interval(ceiling[kind], 1)))
    probe = results["probe"].get("embedding")
    if probe:
        share = {"value": probe["accuracy"], "low": probe["low"], "high": probe["high"]}
        rows.append(("linear probe of the classes, accuracy", wording.interval(share, 1)))
    said = ("Share of held-out triplets on which the nearer face is the one that most people chose; chance is 50 %.",)
    return (*said, wording.meaning_of_intervals(results)), (("figure", "value and 95 % interval"), *rows)


def _answered(results: dict) -> list[tuple[str, str]]:
    """Return rows of what a network of pictures answers on the split that its report leads with."""
    answers = results.get("answers") or {}
    if "by_split" not in answers:
        return []
    of = answers["by_split"][answers["split"]]
    if answers["kind"] == "class":
        named = (("accuracy", "accuracy"), ("macro_f1", "macro F1"), ("auc", "AUC"))
        return [(f"{words}, {answers['split']}", wording.interval(of[key], 1)) for key, words in named if of.get(key)]
    return [
        (f"{name}: Pearson r, {answers['split']}", bracketed(one["pearson"]))
        for name, one in of["attributes"].items()
        if one.get("pearson")
    ]


def _groups(results: dict) -> str:
    names = [c["name"] for c in results["projection"].get("colours") or [] if c["kind"] == "category"]
    return ", ".join(name for name in names if name not in ("class", "subject", "split", "neutral face"))


def _gaps(results: dict) -> tuple[str, ...]:
    """Return what is known of groups of people, in a sentence."""
    said = sentences.of_gaps(results.get("groups"))
    return (said or "No figure by group of people: the manifest names no group, or too few people of each.",)


def _distances(results: dict) -> str:
    probe = results["probe"]
    if "omitted" in probe:
        return f"No class of expression could be told apart: {probe['omitted']}."
    return f"Classes of expressions: {', '.join(probe['classes'])}."


def _training(results: dict) -> str:
    trained = results["provenance"]["checkpoint"]["release_sha256"] or "unknown"
    counts = results["splits"]["counts"].get("train")
    if not results["provenance"]["is_same_release"]:
        return f"The release with SHA-256 {trained}, another than the one measured here."
    if counts is None:
        return f"The training part of the release with SHA-256 {trained}."
    return (
        f"The training part of the release with SHA-256 {trained}: {counted(counts['triplets'], 'triplet')} of "
        f"{counted(counts['stimuli'], 'face')} of {counted(counts['subjects'], 'person', 'people')}."
    )


def _division(results: dict) -> str:
    parts = [
        f"{name}: {c['triplets']:,} triplets, {c['stimuli']:,} faces, {c['subjects']:,} people"
        for name, c in results["splits"]["counts"].items()
    ]
    return f"Divided into {'; '.join(parts)}." if parts else "No settled triplet is in a split."


def _consent(settings: dict, collection: dict) -> str:
    pictures = "are part of the release" if settings.get("includes_pictures") else "are not part of the release"
    return (
        "Annotators agreed to the study's consent text before the first question and answered under pseudonyms that "
        "cannot be linked between studies, unless the judgements were imported. What the people in the pictures agreed "
        f"to stands in the licence of their collection ({collection.get('licence') or 'not recorded'}); their pictures "
        f"{pictures}."
    )


def _caveats(results: dict) -> tuple[str, ...]:
    said = [wording.comparison(results)]
    if wording.held_out_by(results) != "subject":
        said.append("The figures do not speak of people whom the network has never seen.")
    if results["n"]["subjects"] < 30:
        said.append(
            f"{counted(results['n']['subjects'], 'person is', 'people are')} few: expect other figures on others."
        )
    if not results["provenance"]["is_same_release"]:
        said.append("Trained on another release than the one measured here.")
    return tuple(filter(None, said)) or ("None beyond the above.",)


def _quiet(text) -> str:
    """Return one line in which Markdown sees nothing but words."""
    line = re.sub(r"\s+", " ", str(text)).strip()
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", line)
