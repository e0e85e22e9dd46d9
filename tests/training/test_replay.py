"""The replay keeps the newest, draws fairly, and shows symmetric images of what happened."""

from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import games
from games import Game
from training.replay import Replay, Samples, batch_of, sample_dtype, transform

NAMES = ["tic_tac_toe", "connect_four"]


def random_samples(game: Game, count: int, seed: int = 0) -> Samples:
    """Samples at random positions of random games, with random targets."""
    rng = np.random.default_rng(seed)
    samples = np.zeros(count, sample_dtype(game))
    for index in range(count):
        position = game.initial()
        for _ in range(rng.integers(6)):
            following = game.step(position, [rng.choice(np.flatnonzero(game.legal_actions(position)[0]))])
            position = position if following["terminal"][0] else following
        samples["position"][index] = position[0]
    policy = rng.random((count, game.num_actions)) * game.legal_actions(samples["position"].copy())
    samples["policy"] = policy / policy.sum(axis=1, keepdims=True)
    samples["outcome"] = rng.choice([-1, 0, 1], (count, 1)) * np.array([1, -1])
    samples["value"] = rng.random((count, 1)) * np.array([1, -1])
    samples["weight"] = rng.random(count)
    samples["generation"] = np.arange(count)
    return samples


def test_ring_keeps_the_newest_in_order() -> None:
    game = games.load("tic_tac_toe")
    samples, replay = random_samples(game, 40), Replay(game, 10)
    for first, last in ((0, 7), (7, 13), (13, 13), (13, 40)):
        replay.insert(samples[first:last])
        expected = samples[max(0, last - 10) : last]
        assert replay.samples.tobytes() == expected.tobytes()
        assert len(replay) == len(expected)
    assert replay.age(39) == pytest.approx(4.5)  # the newest ten are 0 to 9 generations old


@pytest.mark.parametrize("count", [0, 7, 10, 23])
def test_what_is_saved_is_numpys_file_of_the_samples(tmp_path: Path, count: int) -> None:
    """However they lie in the ring."""
    game = games.load("connect_four")
    replay = Replay(game, 10)
    replay.insert(random_samples(game, count))
    replay.save(tmp_path / "ours.npy")
    np.save(tmp_path / "numpys.npy", replay.samples, allow_pickle=False)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "numpys.npy").read_bytes()
    other = Replay(game, 10)
    other.load(tmp_path / "ours.npy")
    assert other.samples.tobytes() == replay.samples.tobytes()


def test_saving_and_loading_take_no_copy(tmp_path: Path) -> None:
    game = games.load("connect_four")
    replay, other = Replay(game, 200_000), Replay(game, 200_000)
    replay.insert(np.repeat(random_samples(game, 1), 200_000))
    tracemalloc.start()
    replay.save(tmp_path / "replay.npy")
    saving = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    other.load(tmp_path / "replay.npy")
    loading = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert saving < replay.nbytes / 4
    assert loading < replay.nbytes / 2
    assert len(other) == 200_000


@pytest.mark.parametrize("capacity", [4, 10, 40])
def test_a_replay_is_handed_on_with_its_newest_samples(capacity: int) -> None:
    game = games.load("tic_tac_toe")
    samples, replay = random_samples(game, 23), Replay(game, 10)
    replay.insert(samples)
    expected = samples[-min(capacity, 10) :].copy()
    expected["generation"] -= 23
    other = replay.handed_on(23, capacity)
    assert other.samples.tobytes() == expected.tobytes()
    other.insert(samples[:capacity])
    assert len(other) == capacity or capacity > 23


def test_mirror_by_hand() -> None:
    """Connect Four: red in column 1 with policy on column 2 is red in column 7 with policy on column 6."""
    game = games.load("connect_four")
    samples = np.zeros(1, sample_dtype(game))
    samples["position"] = game.step(game.initial(), [0])
    samples["policy"][0, [1, 6]] = 0.75, 0.25
    mirrored = transform(game, samples, np.array([1]))
    assert mirrored["position"].tobytes() == game.step(game.initial(), [6]).tobytes()
    np.testing.assert_array_equal(mirrored["policy"][0], [0.25, 0, 0, 0, 0, 0.75, 0])


def test_rotation_by_hand() -> None:
    """Tic-tac-toe: where a symmetry takes the only stone, there it takes the policy that points beside it."""
    game = games.load("tic_tac_toe")
    samples = np.zeros(8, sample_dtype(game))
    samples["position"] = game.step(game.initial(), [0])
    samples["policy"][:, 1] = 1
    images = transform(game, samples, np.arange(8))
    stones = (
        game.observe(np.ascontiguousarray(images["position"]).astype(game.dtype))[:, 1].reshape(8, 9).argmax(axis=1)
    )
    targets = images["policy"].argmax(axis=1)
    corners, edges = {0, 2, 6, 8}, {1, 3, 5, 7}
    assert set(stones) == corners
    assert set(targets) == edges
    assert len({*zip(stones.tolist(), targets.tolist(), strict=True)}) == 8
    neighbours = {0: {1, 3}, 2: {1, 5}, 6: {3, 7}, 8: {5, 7}}
    assert all(target in neighbours[stone] for stone, target in zip(stones.tolist(), targets.tolist(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_every_image_is_the_sample_seen_from_another_side(name: str) -> None:
    """Playing a policy's move and taking the image is taking the image and playing the image's move."""
    game = games.load(name)
    samples = random_samples(game, 64)
    for symmetry in range(len(game.action_symmetries)):
        image = transform(game, samples, np.full(64, symmetry))
        moved = game.step(_positions(game, samples), samples["policy"].argmax(axis=1))
        image_moved = game.step(_positions(game, image), image["policy"].argmax(axis=1))
        assert game.transform(moved, np.full(64, symmetry)).tobytes() == image_moved.tobytes()
        for field in ("outcome", "value", "weight", "generation"):
            np.testing.assert_array_equal(image[field], samples[field])


def test_values_turn_to_the_mover() -> None:
    game = games.load("tic_tac_toe")
    samples = np.zeros(2, sample_dtype(game))
    samples["position"] = np.concatenate([game.initial(), game.step(game.initial(), [4])])
    samples["outcome"] = [1, -1]  # the first player won
    samples["value"] = [0.25, -0.25]
    batch = batch_of(game, samples)
    np.testing.assert_array_equal(batch.outcome, [[1, -1], [-1, 1]])
    np.testing.assert_array_equal(batch.value, [[0.25, -0.25], [-0.25, 0.25]])
    assert batch.legal.sum(axis=1).tolist() == [9, 8]
    assert batch.planes.shape == (2, *game.observation_shape)


@pytest.mark.parametrize("name", NAMES)
def test_sampling_draws_all_samples_and_symmetries_alike(name: str) -> None:
    game = games.load(name)
    replay = Replay(game, 16)
    samples = random_samples(game, 4)
    samples["weight"] = [1, 2, 3, 4]
    samples["policy"] = 0
    samples["policy"][:, 0] = 1  # action 0 tells the symmetry: all images of a corner are taken equally often
    replay.insert(samples)
    batch = replay.sample(np.random.default_rng(0), 4000)
    counts = np.bincount(batch.weight.astype(int))[1:]
    images = np.bincount(batch.policy.argmax(axis=1))
    images = images[images > 0]
    assert counts == pytest.approx([1000] * 4, abs=5 * 1000**0.5)
    assert len(images) == (4 if name == "tic_tac_toe" else 2)
    assert images == pytest.approx([4000 / len(images)] * len(images), abs=5 * 2000**0.5)


def test_sampling_is_seeded_and_outlives_storage(tmp_path: Path) -> None:
    game = games.load("connect_four")
    replay, restored = Replay(game, 20), Replay(game, 20)
    replay.insert(random_samples(game, 33))
    replay.save(tmp_path / "replay.npy")
    restored.load(tmp_path / "replay.npy")
    more = random_samples(game, 5, seed=1)
    for one in (replay, restored):
        one.insert(more)
    first, second = (one.sample(np.random.default_rng(7), 64) for one in (replay, restored))
    for field in ("planes", "legal", "policy", "outcome", "value", "weight"):
        assert getattr(first, field).tobytes() == getattr(second, field).tobytes()
    other = replay.sample(np.random.default_rng(8), 64)
    assert other.weight.tobytes() != first.weight.tobytes()


def test_a_window_holds_the_newest() -> None:
    """Also where the ring has gone round; the same draws meet a replay that has forgotten all that is older."""
    game = games.load("connect_four")
    replay, small = Replay(game, 30), Replay(game, 7)
    samples = random_samples(game, 50)
    samples["weight"] = np.arange(50)
    for one in (replay, small):
        one.insert(samples)
    drawn = replay.sample(np.random.default_rng(7), 200, 7)
    assert set(drawn.weight.tolist()) == set(range(43, 50))
    assert drawn.weight.tobytes() == small.sample(np.random.default_rng(7), 200).weight.tobytes()
    assert set(replay.sample(np.random.default_rng(7), 2000, 99).weight.tolist()) == set(range(20, 50))
    with pytest.raises(ValueError, match="window must be at least 1, got 0"):
        replay.sample(np.random.default_rng(7), 1, 0)


def test_what_cannot_be_learned_from_is_refused() -> None:
    game = games.load("tic_tac_toe")
    replay = Replay(game, 4)
    with pytest.raises(ValueError, match="it is empty"):
        replay.sample(np.random.default_rng(0), 1)
    with pytest.raises(ValueError, match="samples must be records of tic_tac_toe"):
        replay.insert(random_samples(games.load("connect_four"), 1))
    samples = random_samples(game, 1)
    samples["value"] = np.nan
    with pytest.raises(ValueError, match="finite"):
        replay.insert(samples)
    assert len(replay) == 0


class Payload:
    """Unpickling this writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.target,)


def test_hostile_and_damaged_files_are_refused(tmp_path: Path) -> None:
    game = games.load("tic_tac_toe")
    replay, path, proof = Replay(game, 4), tmp_path / "replay.npy", tmp_path / "executed"
    replay.insert(random_samples(game, 3))
    replay.save(path)
    whole = path.read_bytes()
    before = replay.samples.tobytes()
    hostile = np.array([Payload(proof)], dtype=object)
    np.save(tmp_path / "pickled.npy", hostile, allow_pickle=True)
    wrong_game = Replay(games.load("connect_four"), 4)
    wrong_game.save(tmp_path / "foreign.npy")
    contents = [
        pickle.dumps(Payload(proof)),
        (tmp_path / "pickled.npy").read_bytes(),
        (tmp_path / "foreign.npy").read_bytes(),
        whole[:-1],
        whole[:20],
        b"",
    ]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is not a replay"):
            replay.load(path)
    assert not proof.exists()
    assert replay.samples.tobytes() == before


def _positions(game: Game, samples: Samples) -> games.Positions:
    return np.ascontiguousarray(samples["position"]).astype(game.dtype)


def test_what_memory_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match=r"replay.capacity must leave room: .* of 'go:size=19' take .* GB of memory"):
        Replay(games.load("go:size=19"), 10**9)
