"""Batches by hand arithmetic: order, budget, padding, masks."""

import numpy as np
import pytest

from encoder.batching.batches import ANOTHER_BATCH, MOST_PADDING, Item, Pool, make_batch, split


def item(number, length):
    return Item(number, list(range(1, length + 1)))


def drained(pool):
    batches = []
    while pool:
        batches.append([each.number for each in pool.take()])
    return batches


def filled(lengths, budget):
    pool = Pool(budget)
    for number, length in enumerate(lengths):
        pool.add(item(number, length))
    return pool


def test_equal_lengths_go_together_oldest_first():
    assert drained(filled([5, 9, 5, 9, 5], 20)) == [[0, 2, 4], [1, 3]]


def test_the_budget_holds_unless_one_text_is_longer():
    assert drained(filled([5, 5, 5, 5, 5], 10)) == [[0, 1], [2, 3], [4]]
    assert drained(filled([50], 10)) == [[0]]


def test_neighbours_join_while_padding_is_small():
    # 99 + 100 tokens in 2 x 100 places: 1 of padding; 90 + 100: 10; 2 % of a full batch: 8.
    assert drained(filled([99, 100], 400)) == [[0, 1]]
    assert drained(filled([90, 100], 400)) == [[0], [1]]


def test_a_few_short_texts_are_one_batch_whatever_their_lengths():
    # 7 + 5 + 3 + 2 of padding beside the longest, and 20 may be.
    assert drained(filled([8, 10, 12, 13, 15], 1024)) == [[0, 1, 2, 3, 4]]


def test_the_cheaper_neighbour_is_taken():
    # From 100: 101 costs 1 (once), 98 costs 2.
    assert drained(filled([100, 98, 101], 202)) == [[0, 2], [1]]


def test_texts_without_tokens_are_batched_too():
    assert drained(filled([0, 0, 3], 100)) == [[0, 1], [2]]


def split_lengths(lengths, most):
    found = split([item(number, length) for number, length in enumerate(lengths)], most)
    return sorted(sorted(len(each.ids) for each in batch) for batch in found)


def test_a_few_are_split_where_padding_costs_more_than_another_batch():
    short, long = [10, 11, 12], [12 + ANOTHER_BATCH, 13 + ANOTHER_BATCH]
    assert split_lengths(short, 1024) == [short]
    assert split_lengths([long[0], *short, long[1]], 1024) == [short, long]
    assert split_lengths([10, 10, 10, 10], 20) == [[10, 10], [10, 10]]
    assert split_lengths([50, 0], 10) == [[0], [50]]
    assert split_lengths([], 10) == []


def test_no_other_split_of_a_few_costs_less():
    lengths = np.random.default_rng(3).integers(3, 60, 9).tolist()

    def cost(batches):
        return sum(ANOTHER_BATCH + max(batch) * len(batch) for batch in batches)

    ordered, best = sorted(lengths), np.inf
    for cuts in range(2 ** (len(ordered) - 1)):
        batches = [[ordered[0]]]
        for n, length in enumerate(ordered[1:]):
            if cuts >> n & 1:
                batches.append([])
            batches[-1].append(length)
        if all(len(each) == 1 or max(each) * len(each) <= 150 for each in batches):
            best = min(best, cost(batches))
    assert cost(split_lengths(lengths, 150)) == best


@pytest.mark.parametrize("budget", [64, 512, 2048])
def test_nothing_is_lost_and_padding_stays_small_whatever_comes(budget):
    lengths = np.random.default_rng(1).integers(3, 256, 3000)
    pool = Pool(budget)
    waiting = iter(enumerate(lengths))
    seen, real, area = [], 0, 0
    while True:
        for number, length in waiting:
            pool.add(item(number, int(length)))
            if len(pool) >= 500:
                break
        if not pool:
            break
        oldest = min(set(range(3000)) - set(seen))
        taken = pool.take()
        assert taken[0].number == oldest
        sizes = [len(each.ids) for each in taken]
        places = len(sizes) * max(sizes)
        assert places <= budget or len(sizes) == 1
        assert places - sum(sizes) <= MOST_PADDING * budget
        seen += [each.number for each in taken]
        real, area = real + sum(sizes), area + places
    assert sorted(seen) == list(range(3000))
    assert 1 - real / area < MOST_PADDING


def test_masks_by_hand():
    batch = make_batch([item(7, 3), item(8, 1)], left_out=1)
    assert batch.numbers == (7, 8)
    assert batch.ids.tolist() == [[1, 2, 3], [1, 0, 0]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch.kept.tolist() == [[0, 1, 1], [0, 0, 0]]
    assert batch.padded
    assert not make_batch([item(0, 2), item(1, 2)]).padded


def test_a_batch_of_no_tokens_still_has_a_column():
    batch = make_batch([item(0, 0)])
    assert batch.ids.shape == (1, 1)
    assert batch.mask.tolist() == [[0]]
