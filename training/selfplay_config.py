"""How the games that a network learns from are played."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hybrid.dial import Dial
from hybrid.network_config import check_device
from training.fields import above_zero, at_least, at_most_one, one_of

Precision = Literal["float", "int8"]
BackendName = Literal["onnxruntime", "openvino", "fastest"]
SelfPlayStrategy = Literal["puct", "gumbel"]
PolicyTarget = Literal["visits", "improved", "regularised"]


@dataclass(frozen=True, kw_only=True)
class SelfPlayConfig:
    """How the games that the network learns from are played.

    Attributes:
        dial: where self-play stands between network and search; its simulations are the full budget of a move.
        strategy: how the search selects edges; with Gumbel its own noise takes the place of Dirichlet's and of the
            move temperature, and the improved policy is learned.
        target: the policy that is learned, see `hybrid.strategy.Target`; moves are drawn by visits all the same.
        full_fraction: share of moves searched with the full budget, with root noise, whose policy is learned
            (playout-cap randomisation; Wu 2019, section 3.1).
        fast_simulations: the budget of the other moves, whose policy is not learned.
        endgame_plies: plies after which a move has no more than `endgame_simulations`; 0 = never. Where proofs in
            hindsight reach back to them, what is played there hardly matters: values come from the proofs, and of what
            a small search prefers only the moves that keep them are learned.
        endgame_simulations: the budget of those moves.
        c_puct: exploration constant of the search.
        games: games per generation.
        slots: games that one worker plays side by side; on the CPU no result depends on it. 0 = as many as are fastest,
            decided by measurement when a run is made, and kept in its file.
        temperature: moves are drawn in proportion to `policy ** (1 / temperature)` during the first plies.
        temperature_plies: how many plies; afterwards the best move is played.
        noise_total: concentration of the Dirichlet noise at the root, shared among the legal actions.
        noise_fraction: its share in the root's prior; 0 = no noise.
        opening_fraction: share of games that begin with uniformly random plies.
        opening_plies: the most such plies; their number is uniform from 1.
        opening_nodes: positions that alpha-beta may visit to prove the outcome of such an opening; where it does, other
            plies are drawn, a few times: what is proven before a move is made teaches nothing about searches. 0 =
            openings are taken as they come. As `prove_nodes`, which it needs.
        leaf_nodes: positions that alpha-beta may visit at each new leaf of a search; see `SearchConfig`.
        prove_nodes: positions that alpha-beta may visit before a move to prove its value. Proven positions are not
            searched but learned exactly. For two-player zero-sum games without chance; 0 = no proofs.
        hindsight_nodes: positions that alpha-beta may visit after a game for every position of it, from the last
            backwards to the first that resists. Lengths are told by a tenth of them, but by 30,000 at least, to the
            first position that resists; from there on outcomes alone, which is easier, by all. Proven positions are
            learned exactly, and the outcome of earlier ones is what the earliest proof says; 0 = what was played
            counts. As `prove_nodes`, which it needs.
        resign_threshold: the player to move gives up where the search's value and that of its best move are below this;
            -1 = nobody does. For two-player zero-sum games.
        resign_played_out: share of games that are played to their end all the same, to measure how many would have been
            given up without being lost.
        direct_generations: generations at the start that are played at the direct end, by rollouts, while the network
            knows nothing yet and asking it costs a hundred times as much.
        direct_simulations: the budget of their moves.
        growth: the budgets of moves grow from generation to generation by equal factors until they are so many times
            the first ones, at the end or before a change (`LaterConfig`). Games become fewer in the same measure, and
            positions are learned from more often, so that generations take equally long: what a small budget can teach
            has been learned at some time.
        device: where the network is asked: `cpu`, or `cuda` or `cuda:N`, which all workers share, in half precision and
            without the next three options. There a batch's size may change the last bits of its rows, and with them the
            games: they depend on the number of slots and workers too, and on the workers' timing unless each has a slot
            for every game that it plays.
        precision: of the network's inference on the CPU, calibrated afresh on the replay for every generation.
        backend: what runs the network; `fastest` is decided by measurement when a run is made, and kept in its file.
        cache_megabytes: memory of each worker for evaluations of positions met again; 0 = none. It changes no result.
    """

    dial: Dial = field(default_factory=lambda: Dial(simulations=128))
    strategy: SelfPlayStrategy = "puct"
    target: PolicyTarget = "visits"
    full_fraction: float = 0.25
    fast_simulations: int = 24
    endgame_plies: int = 0
    endgame_simulations: int = 24
    c_puct: float = 1.5
    games: int = 128
    slots: int = 32
    temperature: float = 1.0
    temperature_plies: int = 16
    noise_total: float = 10.0
    noise_fraction: float = 0.25
    opening_fraction: float = 0.5
    opening_plies: int = 4
    opening_nodes: int = 0
    leaf_nodes: int = 0
    prove_nodes: int = 0
    hindsight_nodes: int = 0
    resign_threshold: float = -1.0
    resign_played_out: float = 0.1
    direct_generations: int = 0
    direct_simulations: int = 1000
    growth: float = 1.0
    device: str = "cpu"
    precision: Precision = "int8"
    backend: BackendName = "onnxruntime"
    cache_megabytes: float = 64.0

    def __post_init__(self) -> None:
        if not self.dial.searches:
            raise ValueError(
                "dial must search in self-play, got simulations=0: without search there is nothing to learn"
            )
        if self.dial.seconds is not None:
            raise ValueError(f"dial must be given in simulations in self-play, got {self.dial.seconds} s: seconds vary")
        at_least(self, 1, "fast_simulations", "endgame_simulations", "games", "direct_simulations", "growth")
        at_least(self, 0, "slots", "leaf_nodes", "prove_nodes", "hindsight_nodes", "direct_generations")
        at_least(self, 0, "endgame_plies", "temperature_plies", "opening_plies", "opening_nodes", "cache_megabytes")
        for name in ("opening_nodes", "hindsight_nodes"):
            if getattr(self, name) and not self.prove_nodes:
                raise ValueError(f"{name} needs prove_nodes, got {getattr(self, name)} and no proofs")
        check_device(self.device)
        one_of(self, "precision", Precision)
        one_of(self, "backend", BackendName)
        one_of(self, "strategy", SelfPlayStrategy)
        one_of(self, "target", PolicyTarget)
        above_zero(self, "full_fraction", "c_puct", "temperature", "noise_total")
        at_most_one(self, "full_fraction", "noise_fraction", "opening_fraction", "resign_played_out")
        if not -1.0 <= self.resign_threshold < 0.0:
            raise ValueError(f"resign_threshold must be at least -1 and below 0, got {self.resign_threshold}")

    @property
    def resigns(self) -> bool:
        """Whether games may be given up."""
        return self.resign_threshold > -1.0
