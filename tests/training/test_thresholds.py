"""Thresholds of flags that a shop must not miss."""

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("torch")
pytest.importorskip("transformers")

from export import safety_threshold  # noqa: E402


def threshold(positive: list[float], negative: list[float]) -> float:
    truth = np.array([True] * len(positive) + [False] * len(negative))
    return safety_threshold(np.array(positive + negative), truth, np.full(len(truth), 1 / len(truth)))


def test_nearly_all_are_found_where_the_precision_allows_it():
    # 19 of 20 are over 0.3; over 0.1, too, fewer than one in five is a false alarm.
    assert threshold([0.05] + [0.305] * 19, [0.11, 0.11, 0.01]) == 0.3


def test_the_precision_is_kept_where_not_all_can_be_found():
    assert threshold([0.105] * 10 + [0.505] * 10, [0.105] * 10 + [0.01] * 20) == 0.11


def test_a_flag_that_is_never_right_is_hardly_raised():
    assert threshold([0.01] * 4, [0.95] * 4) == 0.9
