"""The plots of a report as plotly figures in plain dictionaries.

Colours are names such as "@accent": report.js replaces them by the page's CSS variables (--plot-accent),
so that plots follow light and dark. Nothing here needs the plotly package; the figures are its JSON.
"""

from analysis.figures import certainty, people, rows
from analysis.figures.agreement import probe, satisfied
from analysis.figures.explanations import deletion, insertion, randomised
from analysis.figures.learning import curve_names, curves, meanings
from analysis.figures.people import bands_of
from analysis.figures.space import dimensions, view

#: {place on the page: what draws it from the results, None where they do not allow it}.
FIGURES = {
    "satisfied": satisfied,
    "probe": probe,
    "view": view,
    "dimensions": dimensions,
    "annotators": rows.annotators,
    "criteria": people.criteria,
    "individuals": people.individuals,
    "calibration": certainty.triplets,
    "class-calibration": certainty.classes,
    "action-units": rows.action_units,
    "attributes": rows.attributes,
    "with-people": rows.with_people,
    "groups": rows.groups,
    "elsewhere": rows.elsewhere,
    "trust-deletion": deletion,
    "trust-insertion": insertion,
    "trust-randomised": randomised,
}


def all_figures(results: dict) -> dict[str, dict]:
    """Return {place on the page: figure} of every plot that the results allow."""
    made = {name: draw(results) for name, draw in FIGURES.items()}
    return {name: figure for name, figure in made.items() if figure is not None} | curves(results)


__all__ = [
    "FIGURES",
    "all_figures",
    "bands_of",
    "curve_names",
    "curves",
    "dimensions",
    "meanings",
    "probe",
    "satisfied",
    "view",
]
