"""What pages read about evaluations and reports. Results are large: lists read single figures of them."""

from django.db.models import F, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse

from analysis import growth_curve, tables, titles
from analysis.comparison import Compared
from analysis.models import Evaluation, GrowthPoint, Report, StudyReport
from learning.models import Run
from learning.selectors import learning_curves

SPLITS = ("test", "validation", "train")


def may_read_drafts(user) -> bool:
    return user.is_active and user.is_staff and user.has_perm("analysis.view_report")


def access_report(request, address: str) -> Report:
    """Return a report that this reader may read; a draft does not exist for strangers.

    The user is looked at for drafts only, so that a published page carries no session.
    """
    report = get_object_or_404(Report.objects.select_related("evaluation"), address=address)
    if not report.is_published and not may_read_drafts(request.user):
        raise Http404
    return report


def access_study_report(request, address: str) -> StudyReport:
    """Return a study's report that this reader may read; a draft does not exist for strangers."""
    report = get_object_or_404(StudyReport, address=address, status=StudyReport.Status.FINISHED)
    if not report.is_published and not may_read_drafts(request.user):
        raise Http404
    return report


def newer_study_report(report: StudyReport) -> StudyReport | None:
    """Return the newest published report on the same study, None where this one is it."""
    same = StudyReport.objects.filter(study=report.study, is_published=True, version__gt=report.version)
    return same.defer("results").order_by("-version").first()


def published_studies() -> QuerySet[StudyReport]:
    """Return published reports on studies, newest first, without their results."""
    return StudyReport.objects.filter(is_published=True).defer("results").order_by("-published_at", "-pk")


def newer_report(report: Report) -> Report | None:
    """Return the newest published report on the same run and release, None where this one is it."""
    evaluation = report.evaluation
    same = Report.objects.filter(
        evaluation__checkpoint__run__checkpoints=evaluation.checkpoint_id, evaluation__release=evaluation.release_id
    )
    return same.filter(is_published=True, version__gt=report.version).order_by("-version").first()


def published_reports() -> QuerySet[Report]:
    """Return published reports, newest first, with `headline`, without their results."""
    reports = Report.objects.filter(is_published=True).order_by("-published_at", "-pk")
    return (
        reports.select_related("evaluation__release__collection")
        .defer("evaluation__results", "evaluation__release__manifest")
        .annotate(headline=F("evaluation__results__headline"))
    )


def on_the_front_page(reports: QuerySet[Report]) -> QuerySet[Report]:
    """Return the reports that stand alone: those of a published study's networks are listed on that study."""
    return reports.exclude(evaluation__checkpoint__run__study_run__reports__is_published=True)


def key_figures(report_pks) -> dict[int, list[dict]]:
    """Return {report key: [{"name", "value", "low", "high"}, ...]}, shares as percentages, on the held-out split."""
    rows = Report.objects.filter(pk__in=list(report_pks)).values_list(
        "pk",
        "evaluation__results__splits__headline",
        "evaluation__results__satisfied",
        "evaluation__results__baselines",
        "evaluation__results__ceilings",
    )
    return {pk: _bars(split, satisfied, baselines, ceilings) for pk, split, satisfied, baselines, ceilings in rows}


def _bars(split, satisfied, baselines, ceilings) -> list[dict]:
    def share(name, kind, estimate):
        if not isinstance(estimate, dict) or estimate.get("value") is None:
            return []
        known = {key: estimate.get(key) for key in ("value", "low", "high")}
        return [{"name": name, "kind": kind} | {k: None if v is None else 100 * v for k, v in known.items()}]

    if not split:
        return []
    at = {name: (levels.get(split) or {}).get("all") for name, levels in (baselines or {}).items()}
    ceiling = ((ceilings or {}).get(split) or {}).get("all") or {}
    return [
        *share("chance", "chance", {"value": ceiling.get("chance", 0.5)}),
        *share("raw landmarks", "baseline", at.get("raw")),
        *share("expression minus neutral", "baseline", at.get("neutral_difference")),
        *share("this representation", "own", ((satisfied or {}).get(split) or {}).get("all")),
        *share("one more person", "ceiling", ceiling.get("one_person")),
        *share("oracle of the majority", "ceiling", ceiling.get("oracle")),
    ]


def growth_figures(evaluation_pk: int) -> dict:
    """Return what a growth curve draws of one evaluation, without reading the whole of its results."""
    parts = (
        "splits", "levels", "satisfied", "baselines", "ceilings", "probe", "kinds", "annotators", "calibration",
        "action_units", "answers",
    )  # fmt: skip
    found = Evaluation.objects.filter(pk=evaluation_pk).values_list(*(f"results__{part}" for part in parts)).get()
    return growth_curve.key_figures(dict(zip(parts, found, strict=True)))


def growth(study) -> list[dict]:
    """Return the points of a study's growth curve in order, JSON-able, those without figures yet included."""
    points = GrowthPoint.objects.filter(study=study).select_related("release", "run").defer("release__manifest")
    reports = Report.objects.filter(evaluation__growth_points__study=study).order_by("pk")
    address = dict(reports.values_list("evaluation_id", "address"))
    return [
        {
            "point": number,
            "n_responses": point.n_responses,
            "n_settled": point.n_settled,
            "status": point.status,
            "label": point.get_status_display(),
            "message": point.message,
            "release": point.release.name if point.release else None,
            "release_sha256": point.release.sha256 if point.release else None,
            "run": point.run_id,
            "recipe": point.run.recipe if point.run else None,
            "changes": point.run.changes if point.run else {},
            "seed": point.run.seed if point.run else None,
            "evaluation": point.evaluation_id,
            "report": address.get(point.evaluation_id),
            "figures": point.figures,
            "created_at": point.created_at.isoformat(),
        }
        for number, point in enumerate(points.order_by("pk"), start=1)
    ]


def compared_runs(pks) -> list[Compared]:
    """Return runs in the order asked for, each with the figures of its newest evaluation; unknown keys are left out."""
    runs = Run.objects.select_related("release").defer("release__manifest").in_bulk(list(pks))
    measured = Evaluation.objects.filter(checkpoint__run__in=runs, status=Evaluation.Status.FINISHED).order_by("pk")
    newest = dict(measured.values_list("checkpoint__run_id", "pk"))
    return [
        _compared(
            run, newest.get(run.pk), f"run {run.pk}", reverse("admin:learning_run_change", args=[run.pk]),
            learning_curves(run),
        )
        for run in (runs[pk] for pk in dict.fromkeys(pks) if pk in runs)
    ]  # fmt: skip


def compared_reports(addresses) -> list[Compared]:
    """Return what published reports are about, in the order asked for: what they publish, nothing newer."""
    known = Report.objects.filter(is_published=True, address__in=list(addresses)).defer("evaluation__results")
    by_address = {report.address: report for report in known.select_related("evaluation__checkpoint__run__release")}
    reports = [by_address[address] for address in dict.fromkeys(addresses) if address in by_address]
    titles = [report.title for report in reports]
    return [
        _compared(
            report.evaluation.checkpoint.run,
            report.evaluation_id,
            report.title if titles.count(report.title) == 1 else f"{report.title} ({report.address})",
            reverse("analysis:report", args=[report.address]),
            _curves_of(report.evaluation_id),
        )
        for report in reports
    ]


def _compared(run: Run, evaluation_pk: int | None, name: str, href: str, curves: dict) -> Compared:
    known = {"pk": run.pk, "name": name, "href": href, "recipe": run.recipe, "release": run.release.name}
    known |= {name: getattr(run, name) for name in ("seed", "status", "step", "config", "metrics")}
    if evaluation_pk is None:
        return Compared(**known, curves=curves)
    found = Evaluation.objects.filter(pk=evaluation_pk).values("results__explanations", "results__heatmaps").get()
    explained = {"explanations": found["results__explanations"], "heatmaps": found["results__heatmaps"] or {}}
    return Compared(**known, curves=curves, figures=growth_figures(evaluation_pk), explained=explained)


def _curves_of(evaluation_pk: int) -> dict[str, list[list[float]]]:
    """Return {metric: [[step, value], ...]} as the results of an evaluation hold the curves of its network."""
    points = Evaluation.objects.filter(pk=evaluation_pk).values_list("results__curves", flat=True).get() or []
    names = dict.fromkeys(name for point in points for name in point if name not in ("step", "seconds"))
    return {
        name: [[point["step"], point[name]] for point in points if isinstance(point.get(name), int | float)]
        for name in names
    }


def study_of(report: Report) -> StudyReport | None:
    """Return the newest report on the study that a network belongs to: published for what is published, else any."""
    whole = StudyReport.objects.filter(
        study_run__runs__checkpoints=report.evaluation.checkpoint_id, status=StudyReport.Status.FINISHED
    )
    if report.is_published:
        whole = whole.filter(is_published=True)
    return whole.defer("results").order_by("-version").first()


def numbers(report: Report) -> dict:
    """Return what a file of numbers holds of a report, its title and note first."""
    return titles.named(tables.numbers(report.evaluation.results), report.title, report.note)
