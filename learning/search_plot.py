"""A search drawn: for every setting that was searched, what it was against how well the trial did."""

from collections.abc import Sequence

from learning.sweeps import Choice, Plan, Trial, round_space

WIDTH, HEIGHT = 320, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 10, 26


def panels(plan: Plan, trials: Sequence[Trial], runs: Sequence[int], best: int | None) -> list[dict]:
    """Return one panel a setting, ready for SVG of WIDTH x HEIGHT; none where no trial has a score.

    runs : what each trial is called. best : the one that stands out. A panel has its key, ticks of both axes
    ({at, text, anchor}), dots ({x, y, round, run, value, score, is_best}) and, for each round, the range it drew from
    as a bar ({round, left, width, y}).
    """
    scored = [(trial, run) for trial, run in zip(trials, runs, strict=True) if trial.score is not None]
    if not scored:
        return []
    scores = [trial.score for trial, _ in scored]
    low, high = min(scores), max(scores)
    room = 0.08 * (high - low) or 0.05 * abs(high) or 0.05
    low, high = low - room, high + room
    n_rounds = max(trial.number for trial in trials)

    def y(score: float) -> float:
        return round(_TOP + (1 - (score - low) / (high - low)) * (HEIGHT - _TOP - _BOTTOM), 1)

    found = []
    for place, part in enumerate(plan.space):
        dots = [
            {"x": _x(part.place(trial.drawn[part.key])), "y": y(trial.score), "round": trial.number, "run": run,
             "value": trial.drawn[part.key], "score": f"{trial.score:.4f}", "is_best": run == best}
            for trial, run in scored
        ]  # fmt: skip
        dots.sort(key=lambda dot: dot["is_best"])  # drawn last, on top
        spaces = {n: round_space(plan, n, trials)[place] for n in range(1, n_rounds + 1)}
        found.append(
            {
                "key": part.key,
                "is_log": not isinstance(part, Choice) and part.is_log,
                "dots": dots,
                "x_ticks": _x_ticks(part),
                "y_ticks": [{"at": y(score), "text": f"{score:.3f}"} for score in (min(scores), max(scores))],
                "bars": [] if isinstance(part, Choice) else [_bar(part, spaces[n], n) for n in spaces],
            }
        )
    return found


def _x(share: float) -> float:
    return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)


def _x_ticks(part) -> list[dict]:
    if isinstance(part, Choice):
        return [{"at": _x(part.place(value)), "text": value, "anchor": "middle"} for value in part.values]
    low, high = part.described().rpartition("=")[2].removeprefix("linear:").split("..")
    return [{"at": _x(0), "text": low, "anchor": "start"}, {"at": _x(1), "text": high, "anchor": "end"}]


def _bar(whole, part, number: int) -> dict:
    left, right = (_x(whole.place(str(end))) for end in (part.low, part.high))
    return {"round": number, "left": left, "width": round(right - left, 1), "y": HEIGHT - _BOTTOM + 2 * number}
