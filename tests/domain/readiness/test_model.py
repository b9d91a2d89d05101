from __future__ import annotations

from itertools import pairwise

import pytest

from domain.readiness.model import (
    CAPS,
    COMPONENTS,
    SPECS,
    CapSpec,
    ComponentKey,
    ComponentSpec,
    Curve,
)

RISING = {
    ComponentKey.SCALE,
    ComponentKey.HISTORY,
    ComponentKey.GROWTH,
    ComponentKey.RETENTION,
}


def test_weights_sum_to_100():
    assert sum(spec.weight for spec in COMPONENTS) == 100


def test_every_key_has_one_component():
    assert [spec.key for spec in COMPONENTS] == list(ComponentKey)
    assert set(SPECS) == set(ComponentKey)


@pytest.mark.parametrize("spec", [*COMPONENTS, *CAPS], ids=lambda spec: spec.key)
def test_curve_runs_one_way_within_0_and_100(spec: ComponentSpec | CapSpec):
    inputs = [x for x, _ in spec.curve.points]
    heights = [y for _, y in spec.curve.points]
    assert inputs == sorted(set(inputs))
    assert heights == sorted(heights, reverse=spec.key not in RISING)
    assert 0 <= min(heights) <= max(heights) <= 100


@pytest.mark.parametrize("spec", COMPONENTS, ids=lambda spec: spec.key)
def test_curve_passes_through_its_points(spec: ComponentSpec):
    for x, y in spec.curve.points:
        assert spec.curve.at(x) == pytest.approx(y)


@pytest.mark.parametrize("spec", COMPONENTS, ids=lambda spec: spec.key)
def test_curve_is_halfway_up_halfway_between_points(spec: ComponentSpec):
    for (x1, y1), (x2, y2) in pairwise(spec.curve.points):
        middle = (x1 * x2) ** 0.5 if spec.curve.log else (x1 + x2) / 2
        assert spec.curve.at(middle) == pytest.approx((y1 + y2) / 2)


def test_curve_is_flat_beyond_its_ends():
    curve = Curve(((100, 0), (1000, 20)), log=True)
    assert (curve.at(-5), curve.at(0), curve.at(1e12)) == (0, 0, 20)


def test_caps_reach_100_so_that_a_good_value_limits_nothing():
    assert {max(y for _, y in cap.curve.points) for cap in CAPS} == {100}


# The published table of readiness-2, in its own notation: a changed number is another model.
PUBLISHED = {
    ComponentKey.SCALE: "100:0 1000:20 5000:45 10000:60 15000:70 25000:80 100000:95 250000:100",
    ComponentKey.HISTORY: "0:0 3:35 6:60 12:80 24:100",
    ComponentKey.GROWTH: "-.5:0 -.3:10 -.1:35 0:50 .1:62 .25:78 .5:92 1:100",
    ComponentKey.STABILITY: ".05:100 .15:90 .25:75 .35:60 .5:40 .75:15 1:0",
    ComponentKey.DISPUTES: "0:100 .003:85 .005:70 .0075:45 .01:25 .015:0",
    ComponentKey.REFUNDS: ".02:100 .05:80 .1:50 .2:15 .3:0",
    ComponentKey.PAYMENTS: ".03:100 .05:90 .1:60 .2:20 .3:0",
    ComponentKey.CONCENTRATION: ".1:100 .2:80 .25:65 .35:40 .5:10 .75:0",
    ComponentKey.RETENTION: ".4:0 .5:10 .7:40 .8:60 .9:85 .95:100",
    ComponentKey.PAYOUTS: "0:100 .02:50 .05:20 .1:0",
}
PUBLISHED_CAPS = {
    ComponentKey.HISTORY: "0:20 3:45 6:70 12:100",
    ComponentKey.SCALE: "0:20 1000:45 5000:70 10000:100",
    ComponentKey.GROWTH: "-1:10 -.5:39 -.25:59 -.1:100",
    ComponentKey.STABILITY: ".75:100 1:59 1.75:39",
    ComponentKey.DISPUTES: ".005:100 .0075:59 .015:39 .03:20",
    ComponentKey.CONCENTRATION: ".35:100 .5:59 .75:39",
    ComponentKey.PAYMENTS: ".15:100 .25:59 .4:39",
    ComponentKey.REFUNDS: ".15:100 .25:59 .4:39",
    ComponentKey.RETENTION: ".3:39 .6:59 .8:100",
}
PUBLISHED_WEIGHTS = "14 10 13 15 13 7 6 9 9 4"
PUBLISHED_EVIDENCE = "- - 6 6 300 100 100 - 12 8"


def points_of(text: str) -> tuple[tuple[float, float], ...]:
    pairs = [point.split(":") for point in text.split()]
    return tuple((float(x), float(y)) for x, y in pairs)


@pytest.mark.parametrize("key", list(ComponentKey))
def test_curves_are_those_published(key: ComponentKey):
    assert SPECS[key].curve.points == points_of(PUBLISHED[key])


def test_caps_are_those_published():
    caps = {cap.key: cap.curve.points for cap in CAPS}
    assert caps == {key: points_of(text) for key, text in PUBLISHED_CAPS.items()}


@pytest.mark.parametrize("spec", [*COMPONENTS, *CAPS], ids=lambda spec: spec.key)
def test_every_threshold_names_its_source(spec: ComponentSpec | CapSpec):
    assert spec.source.endswith(".")


def test_weights_and_evidence_are_those_published():
    assert " ".join(str(spec.weight) for spec in COMPONENTS) == PUBLISHED_WEIGHTS
    evidence = " ".join(str(spec.evidence_half or "-") for spec in COMPONENTS)
    assert evidence == PUBLISHED_EVIDENCE
