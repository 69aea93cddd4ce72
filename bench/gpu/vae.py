"""The topological VAE on a GPU: steps, whole trainings, many at once."""

import tempfile
import time
from pathlib import Path

import torch

from bench.gpu.session import Session
from bench.vae import DEFAULT, PUBLISHED, posed
from learning.checkpoints import load_checkpoint
from learning.descent import Descent
from learning.distribution import ALONE
from learning.optimisation import matmul_precision
from learning.recipes import recipe
from learning.stacked import Member, Stack, train_stacked
from learning.topological import TopologicalVaeLearner
from learning.training import train_release

#: What a run can be told, by the words that the figures carry.
WAYS = {
    "naive": {"recording": "no"},
    "recorded": {"recording": "auto"},
    "recorded, tf32": {"recording": "auto", "matmul": "tf32"},
    "compiled": {"recording": "compiled"},
    "compiled, tf32": {"recording": "compiled", "matmul": "tf32"},
}
#: Settings of torch.compile that might do better; none of them is the program's.
TRIALS = {
    "several kernels in one": {"combo_kernels": True},
    "matrix products searched for": {"max_autotune_gemm": True},
}
_COMPILING = 60.0
_N_MEMBERS = 16
_TINY = {"encoder": "24,16", "decoder": "16,24", "n_latent": "4", "n_steps": 8, "validate_every": 4}


def steps(session: Session) -> None:
    """Print what one step takes, each way."""
    faces, config = of(PUBLISHED, session)
    for way, changes in WAYS.items():
        if "compiled" not in way or session.has_time(way, _COMPILING):
            one_step(session, way, faces, config.with_changes(changes))


def trials(session: Session) -> None:
    """Print what a step takes with settings of torch.compile that the program does not use."""
    import torch._inductor.config as inductor

    faces, config = of(PUBLISHED, session)
    for words, settings in TRIALS.items():
        if session.has_time(words, _COMPILING):
            with inductor.patch(settings):
                one_step(session, f"compiled, tf32, {words}", faces, config.with_changes(WAYS["compiled, tf32"]))


def one_step(session: Session, way: str, faces, config) -> None:
    total, n = config.training.n_steps, 4 if session.is_tiny else 2_000
    with matmul_precision(session.device, config.training.matmul):
        started = time.perf_counter()
        torch.manual_seed(0)
        learner = TopologicalVaeLearner(faces, config, seed=0, device=session.device)
        learner.network.train()
        descent = Descent(learner, config, seed=0, device=session.device, share=ALONE)

        def advance(n):
            for _ in range(n):
                descent.advance(total, [])

        advance(4 if session.is_tiny else 50)
        session.finish()
        ready = time.perf_counter() - started
        spent = session.seconds(lambda: advance(n)) / n
    refused = f"; NOT as told: {descent.refused}" if descent.refused else ""
    session.say(
        way,
        f"{1e6 * spent:.0f} us a step over {n:,} steps, ready after {ready:.1f} s; 100,000 would take "
        f"{1e5 * spent:.1f} s{refused}",
        us=1e6 * spent, ready=ready, refused=descent.refused,
    )  # fmt: skip


def whole(session: Session) -> None:
    """Print what the whole published training takes, and what it satisfies, the fastest way first."""
    faces, config = of(PUBLISHED, session)
    for way in ("compiled, tf32", "compiled", "recorded", "recorded, tf32"):
        if session.has_time(way, 45):
            result, _, spent = trained(session, faces, config.with_changes(WAYS[way]))
            session.say(
                way,
                f"{config.training.n_steps:,} iterations in {spent:.1f} s, validations, checkpoints and compilation "
                f"included; satisfied {result.satisfied_test:.3f}, best at {result.metrics['best_step']:,}"
                f"{refusal(result.metrics)}",
                seconds=spent, satisfied=result.satisfied_test, refused=result.metrics.get("not_recorded", ""),
            )  # fmt: skip


def equal(session: Session) -> None:
    """Print how far validation figures and weights of each way lie from those of the naive loop."""
    faces, config = of(PUBLISHED, session)
    n = 8 if session.is_tiny else 300
    config = config.with_changes({"n_steps": n, "validate_every": n // 2, "selection": "last"})
    plain = None
    for way, changes in WAYS.items():
        if not session.has_time(way, _COMPILING if "compiled" in way else 10):
            continue
        result, moved, _ = trained(session, faces, config.with_changes(changes))
        elbo = result.curve[-1]["validation_elbo"]
        if plain is None:
            plain = elbo, moved
        apart = {
            "elbo": abs(elbo - plain[0]) / abs(plain[0]),
            "weights": max(float((moved[name] - weight).norm() / weight.norm()) for name, weight in plain[1].items()),
        }
        session.say(
            way,
            f"after {n} steps validation ELBO {elbo:.4f}, {apart['elbo']:.1e} from the naive loop, weights "
            f"{apart['weights']:.1e} (relative, the furthest layer){refusal(result.metrics)}",
            elbo_value=elbo, **apart,
        )  # fmt: skip


def stacked(session: Session) -> None:
    """Print what a step of many networks takes beside one of one, and whole trainings of the default recipe."""
    n_members = 3 if session.is_tiny else _N_MEMBERS
    for name in (PUBLISHED, DEFAULT):
        faces, config = of(name, session)
        for way in ("recorded", "recorded, tf32", "compiled, tf32"):
            if session.is_tiny and way != "recorded":
                continue
            if not session.has_time(f"{name}, {way}", 2 * _COMPILING if "compiled" in way else 20):
                continue
            told = config.with_changes(WAYS[way])
            one, many = (stacked_step(session, faces, told, n) for n in (1, n_members))
            session.say(
                f"{name}, {way}", f"a step of {n_members} {1e6 * many:.0f} us, of one {1e6 * one:.0f} us: "
                f"{many / one:.2f} times", one=1e6 * one, many=1e6 * many, ratio=many / one,
            )  # fmt: skip
    faces, config = of(DEFAULT, session)
    spent = []
    for n in (1, n_members):
        members = [Member(config, seed) for seed in range(n)]
        results = []
        spent.append(session.seconds(lambda m=members, r=results: r.extend(train_stacked(faces, m, draws="together"))))
        satisfied = [result.metrics["satisfied_test"] for result in results]
        session.say(
            f"{DEFAULT}, whole, {n} at once",
            f"{spent[-1]:.1f} s with validations, {spent[-1] / spent[0]:.2f} times one; satisfied {min(satisfied):.3f} "
            f"to {max(satisfied):.3f}",
            seconds=spent[-1], satisfied=satisfied,
        )  # fmt: skip


def stacked_step(session: Session, faces, config, n: int) -> float:
    """Return the seconds of a step of n networks."""
    with matmul_precision(session.device, config.training.matmul):
        stack = Stack(faces, [Member(config, seed) for seed in range(n)], session.device, "together")
        move = stack.replayed()
        n_steps = 4 if session.is_tiny else 500

        def advance(n):
            for _ in range(n):
                move()

        advance(4 if session.is_tiny else 20)
        return session.seconds(lambda: advance(n_steps)) / n_steps


def of(name: str, session: Session):
    """Return the posed set and a recipe for the session's device."""
    config = recipe(name).config.with_changes({"device": str(session.device)})
    if session.is_tiny:
        return posed(10, 200), config.with_changes(_TINY)
    return posed(), config


def trained(session: Session, faces, config):
    """Return how a training ended, the weights of its best step, and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        found = []
        spent = session.seconds(lambda: found.append(train_release(faces, config, seed=0, out=Path(folder))))
        return found[0], load_checkpoint(found[0].checkpoint).network.state_dict(), spent


def refusal(metrics: dict) -> str:
    return f"; NOT as told: {metrics['not_recorded']}" if "not_recorded" in metrics else ""
