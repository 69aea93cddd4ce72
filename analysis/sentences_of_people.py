"""The sentences of a report on people who judged: how well they are matched, what they go by, whose ratings fit."""

from analysis import wording
from analysis.figures.people import dimension_name
from analysis.sentences import difference, is_certain, points
from analysis.wording import interval, percent


def of_people(found: dict) -> str:
    """Return how well single people are matched, beside what another person would reach."""
    text = (
        f"On average over {found['n_people']} people, each counting once, the representation agrees with "
        f"{interval(found['mean'])} of a person's own judgements."
    )
    if not found["gain"]:
        return text + " Nobody answered enough questions that others answered too: what another reaches is unknown."
    text += (
        f" Another person who answered the same questions agrees with {interval(found['others_mean'])}: a difference "
        f"of {points(found['gain'])}."
    )
    verdict = "better than" if found["gain"]["value"] > 0 else "less well than"
    verdict = verdict if is_certain(found["gain"]) else "as well as"
    return text + (
        f" It stands in for a person {verdict} another person does; for {found['n_above']} of {found['n_compared']} "
        "people it agrees more than another person."
    )


def of_criteria(found: dict) -> str:
    """Return what the usual person goes by, in what people differ most, and how often they repeat themselves."""
    named = [(wording.criterion(column["name"]), column) for column in found["columns"]]
    strongest = max(named, key=lambda pair: abs(pair[1]["value"] - 0.5))
    text = (
        f"Where one candidate alone shares the {strongest[0]} with the reference, the usual one of "
        f"{found['n_people']} people chooses it in {interval(strongest[1])}."
    )
    place = max(range(len(named)), key=lambda c: named[c][1]["spread"])
    single = sorted(person["by"][place]["value"] for person in found["people"])
    text += (
        f" People differ most in what a shared {named[place][0]} counts: from {percent(single[0])} % to "
        f"{percent(single[-1])} %."
    )
    if not found["repeats"]:
        return text + " Nobody was asked the same question twice."
    return text + (
        f" Asked the same question again, a person repeated the answer in {interval(found['repeats'])} of "
        f"{found['repeats']['n']:,} pairs."
    )


def of_individuals(found: dict) -> str:
    """Return in what people's weights differ most, how many surely do, how sure they are and what habits they have."""
    people, dimensions = found["people"], found["dimensions"]
    k = max(range(len(dimensions)), key=lambda k: dimensions[k]["spread"])
    text = (
        f"Of {found['n_weights']:,} weights of {found['n_people']} people {found['n_apart']:,} are surely larger or "
        f"smaller than the usual person's; chance alone would give about {0.05 * found['n_weights']:.0f}. "
        f"People differ most in dimension {dimension_name(k, dimensions[k]).removeprefix('dimension ')}, which counts "
        f"{_range([person['weights'][k] for person in people])} times what it counts for the usual person. The surest "
        f"of them decides with {_largest(people, 'consistency')} times the usual consistency."
    )
    for key, words in (("left", "what is shown on the left"), ("same_side", "the side of the answer before")):
        if people[0][key]:
            n = sum(not person[key]["low"] <= 1 <= person[key]["high"] for person in people)
            text += (
                f" {n} of {len(people)} surely favour or avoid {words}." if n else f" Nobody surely favours {words}."
            )
    return text


def _range(estimates: list[dict]) -> str:
    values = sorted(estimate["value"] for estimate in estimates)
    return f"{values[0]:.2g} to {values[-1]:.2g}"


def _largest(people: list[dict], key: str) -> str:
    return f"{max(person[key]['value'] for person in people):.2g}"


def of_people_who_rate(attributes: dict) -> str:
    """Return for how many attributes a network is nearer to the mean of all than one more person would be."""
    known = [f["people"]["lead"] for f in attributes.values() if f.get("people") and f["people"]["lead"]]
    if not known:
        return ""
    above, surely = sum(lead["value"] > 0 for lead in known), sum(lead["low"] > 0 for lead in known)
    below = sum(lead["high"] < 0 for lead in known)
    if len(known) == 1:
        verdict = "surely" if surely or below else "by no more than chance explains"
        side = "above" if above else "below"
        return f"Its correlation with the mean of all raters lies {side} that of one more person, {verdict}."
    return (
        f"For {above} of {len(known)} attributes the network's correlation with the mean of all raters lies above that "
        f"of one more person: for {surely} by more than chance explains, and for {below} surely below."
    )


def of_raters(found: dict) -> str:
    """Return in plain words whether a network matches some raters' ratings less than others', and whose fault it is."""
    if "omitted" in found:
        return f"Whether it matches some people's ratings better than others' cannot be told: {found['omitted']}."
    n, rows = found["n_comparisons"], [row for row in found["rows"] if row["difference"]]
    opening = "One comparison of" if n == 1 else f"{n} comparisons of"
    text = f"{opening} people who rated, each group against everybody else who told about themselves. "
    certain = [row for row in rows if is_certain(row["difference"])]
    if not certain:
        return text + (
            "No gap is larger than chance explains: every interval of a difference includes zero. That none was found "
            "does not mean that there is none, only that it would lie within these intervals."
        )
    told = []
    for row in certain:
        other = row["person_difference"]
        together = other and is_certain(other) and (other["value"] > 0) == (row["difference"]["value"] > 0)
        way = "more" if row["difference"]["value"] > 0 else "less"
        why = (
            f"other people match them {way} too, so that it lies with the ratings" if together else
            "other people do not, so that it lies with the network"
        )  # fmt: skip
        told.append(f"{row['field']} {row['group']} is matched {way}, {difference(row['difference'], 'error')} ({why})")
    return text + f"Larger than chance explains: {'; '.join(told)}."
