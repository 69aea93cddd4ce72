import numpy as np
import pytest

from annotation.distinct import distinct


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64])
def test_it_is_what_numpy_finds_in_the_table(dtype):
    rng = np.random.default_rng(0)
    columns = [rng.integers(high, size=500).astype(dtype) for high in (7, 1, 3, 100)]
    first, place = distinct(columns)
    table = np.column_stack(columns)
    unique, where, inverse = np.unique(table, axis=0, return_index=True, return_inverse=True)
    assert (table[first] == unique).all() and (first == where).all() and (place == inverse.ravel()).all()


def test_large_numbers_do_not_overflow_and_nothing_is_nothing():
    column = np.array([2**31 - 1, 0, 2**31 - 1], dtype=np.int32)
    first, place = distinct([column, column, column])
    assert (first.tolist(), place.tolist()) == ([1, 0], [1, 0, 1])
    first, place = distinct([np.zeros(0, dtype=int)])
    assert len(first) == len(place) == 0
