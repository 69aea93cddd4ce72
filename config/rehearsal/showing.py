"""The figures of a rehearsal as a page of text."""

from triplets.counting import counted


def described(result: dict) -> str:
    lines = [
        f"Rehearsal of {result['study']} at {result['recruiter']} (seed {result['seed']})",
        f"  People perceive {result['perception']}.",
        f"  {result['ended']} {counted(result['n_people'], 'person', 'people')} came in "
        f"{counted(result['n_rounds'], 'round')}, {counted(result['n_responses'], 'response')}, "
        f"{result['n_settled']:,} of {counted(result['n_questions'], 'question')} settled.",
        *_cost(result["cost"]),
        *_time(result["time"]),
        *_exclusions(result["exclusions"]),
        *_agreement(result["agreement"]),
        *_rightness(result["consensus"]),
    ]
    return "\n".join(lines)


def _line(label: str, value, note: str = "") -> str:
    return f"  {label:<34}{value:>12}{f'   {note}' if note else ''}"


def _share(value: float | None) -> str:
    return "not known" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"


def _cost(cost: dict) -> list[str]:
    if not cost["currency"]:
        return ["\nCost", "  People who come by a link are not paid by the platform."]
    unit = cost["currency"]
    each, people = counted(cost["batches_per_place"], "batch", "batches"), counted(cost["n_paid"], "person", "people")
    lines = [
        "\nCost",
        _line("rewards", cost["rewards"], f"{people}, {cost['reward_per_batch']} a batch, {each} a place"),
        _line("fees", cost["fees"]),
        _line("bonuses with fees", cost["bonuses"], counted(cost["n_bonuses"], "bonus", "bonuses")),
        _line(f"total, {unit}", cost["total"], f"of a budget of {cost['budget']}" if cost["budget"] else ""),
    ]
    if cost["charged"] is not None:
        lines.append(_line("charged by the local endpoint", cost["charged"]))
    if cost["n_unfinished"]:
        lines.append(
            f"  {counted(cost['n_unfinished'], 'person', 'people')} found fewer batches than a place pays for and "
            "could not hand in: offer fewer batches a place."
        )
    return lines


def _time(time: dict) -> list[str]:
    lines = [
        f"\nTime ({time['assumed']})",
        _line(
            "hours until done",
            f"{time['hours']:.2f}",
            f"with {counted(time['people_at_once'], 'person', 'people')} at once",
        ),
        _line("hours of work", f"{time['person_hours']:.2f}"),
        _line("minutes a person, median", f"{time['median_minutes_per_person']:.1f}"),
    ]
    if time["median_pay_per_hour"] is not None:
        lines.append(_line("pay an hour, median", f"{time['median_pay_per_hour']:.2f}"))
    return lines


def _exclusions(exclusions: dict) -> list[str]:
    lines = ["\nExcluded"]
    for kind, found in exclusions["kinds"].items():
        lines.append(_line(kind, f"{found['n_excluded']} of {found['n_people']}"))
    return [*lines, _line("honest people lost", exclusions["n_honest_lost"], "careful and noisy")]


def _agreement(agreement: dict) -> list[str]:
    lines = ["\nAgreement to expect"]
    for alpha in agreement["alpha"]:
        value = _number(alpha["value"])
        interval = "" if alpha["low"] is None else f"95 % from {alpha['low']:.3f} to {alpha['high']:.3f}"
        level = alpha["statistic"].rsplit(" ", 1)[-1]
        lines.append(_line(f"alpha, {level} {alpha['attribute']}".strip(), value, interval))
    for level in agreement["levels"]:
        if "weight" in level:
            lines.append(_line(f"vote difference {level['weight']}", _share(level["share"])))
    for row in agreement["reliability"]:
        needed = "" if row["raters_needed"] is None else f"{row['raters_needed']:.0f} ratings a picture make it .90"
        lines.append(_line(f"split-half {row['attribute']}", _number(row["split_half"]), needed))
        lines.append(_line(f"ICC(1,k) {row['attribute']}", _number(row["icc_mean"]), f"{row['n_each']:.1f} a picture"))
    return lines


def _rightness(consensus: dict) -> list[str]:
    lines = ["\nConsensus beside the truth"]
    if "right" in consensus:
        lines.append(_line("right", _share(consensus["right"]), f"of {counted(consensus['n'], 'settled question')}"))
        for level in consensus["levels"]:
            lines.append(_line(f"vote difference {level['weight']}", _share(level["right"]), f"of {level['n']:,}"))
    for each in consensus.get("labels", []):
        lines.append(_line(f"found {each['label']}", _share(each["found"]), f"of {each['n']:,}"))
    for each in consensus.get("attributes", []):
        lines.append(
            _line(
                each["attribute"],
                _number(each["correlation"]),
                f"correlation; {each['mean_error']:.2f} points off on average",
            )
        )
    return lines
