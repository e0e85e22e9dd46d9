"""What a run may build on: another run, whose network and replay it takes over, or an agent's file by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from games import Game
from games.load import same
from hybrid import checkpoint
from hybrid.network_config import NetworkConfig
from training import state
from training.config import Config, LaterConfig, from_json
from training.learner import Learner
from training.replay import Replay


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a run builds on, as far as it is told without its weights.

    Attributes:
        path: a run folder or an agent's file.
        game: what was trained.
        config: how it was trained.
        generation: how many generations lie behind it.
        network: the size of its network.
    """

    path: Path
    game: Game
    config: Config
    generation: int
    network: NetworkConfig

    def check(self, game: Game, network: NetworkConfig) -> None:
        """Raises ValueError unless a run of `game` with `network` can build on this.

        It must be of the same game, a run must have saved something, and the networks have the same sizes; the new
        one may have more blocks.
        """
        if not same(self.game.spec, game.spec):
            raise ValueError(f"{str(self.path)!r} is of {self.game.spec!r}, on which {game.spec!r} cannot build")
        old = self.network
        if old.blocks > network.blocks or old != replace(network, blocks=old.blocks):
            raise ValueError(f"network must be {old} or have more blocks, got {network}")
        if self.path.is_dir() and not state.is_saved(self.path):
            raise ValueError(f"the run in {str(self.path)!r} holds no saved generation (state/NNNNNN) to build on")

    def hand_on(self, game: Game, config: Config) -> tuple[Learner, Replay]:
        """The learner and the replay that a run of `config` begins with.

        Of a run they are its own, the newest samples counted as of generations 0 and before. A file holds the weights
        that play: they are the network and its average alike, and nothing is remembered.

        Raises:
            ValueError: as `check`, or what is read is damaged.
        """
        self.check(game, config.network)
        learner = Learner(game, self.network, config.learner, config.seed)
        if self.path.is_file():
            learner.begin_with(checkpoint.load(self.path, game).weights)
            replay = Replay(game, config.replay.capacity)
        else:
            replay = Replay(game, self.config.replay.capacity)
            generation = state.restore(self.path, learner, None, replay)
            replay = replay.handed_on(generation, config.replay.capacity)
        return learner.grown(game, config, 0), replay


def read(path: Path | str, game: Game | None = None) -> Origin:
    """What lies at `path`: a run folder, or an agent's file; it must be of `game`, which only a run tells by itself.

    Raises:
        ValueError: it is neither, or of another game, or a file does not tell how it was trained.
    """
    path = Path(path)
    if path.is_file():
        if game is None:
            raise ValueError(f"game must be given with an agent's file, {str(path)!r}")
        agent = checkpoint.load(path, game)
        try:
            config = from_json(agent.extra["training"])
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path} cannot be built on: how it was trained is not told: {error}") from error
        return Origin(path=path, game=game, config=config, generation=agent.generation, network=agent.config)
    if not path.exists():
        raise ValueError(f"no run folder or checkpoint at {str(path)!r}")
    known, config = state.describe(path, game)
    generation = state.newest(path)
    network = config.at(generation).network
    return Origin(path=path, game=known, config=config, generation=generation, network=network)


def reopened(config: Config, done: int) -> Config:
    """What a run that builds on `done` generations of a run of `config` begins with, unless told otherwise.

    That is what the other would go on with if it were long enough, for as many generations as it was to have, and
    everything that is decided by measurement is open once more. Where no change is due, `growth` begins anew.
    """
    generations, after = config.generations, config.later.after
    direct = max(0, config.self_play.direct_generations - done)
    if 0 < after <= done:
        config = replace(config, generations=max(generations, after + 1)).afterwards()
    later = replace(config.later, after=after - done) if done < after else LaterConfig()
    playing = replace(config.self_play, direct_generations=direct, backend="fastest", slots=0)
    learner = replace(config.learner, precision="fastest")
    return replace(config, self_play=playing, learner=learner, later=later, generations=generations)
