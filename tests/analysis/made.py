"""Evaluations and reports for tests, with numbers that a real network on a small release gave."""

from analysis.services import evaluations
from learning import services
from learning.services.archives import checkpoint_path, open_release
from tests.learning.made import FakeTrainer, make_release, make_run


def make_checkpoint(folder, **changes):
    release = make_release(folder, **changes)
    run = make_run(release)
    services.execute_run(run.pk, train=FakeTrainer(2))
    return run.checkpoints.get()


def make_report(checkpoint):
    """Measure a checkpoint, once for all tests; its network is untrained, which numbers do not mind."""
    evaluation = evaluations.create_evaluation(checkpoint)
    assert evaluations.evaluate_checkpoint(evaluation.pk, measure=lambda *a, **k: measured(checkpoint)) == "finished"
    return evaluation.reports.get()


def measured(checkpoint) -> dict:
    from analysis.evaluation import evaluate

    release = open_release(checkpoint.run.release)
    if release.sha256 not in _KEPT:
        _KEPT[release.sha256] = evaluate(checkpoint_path(checkpoint), release, n_bootstrap=100)
    return _KEPT[release.sha256]


_KEPT = {}
