"""The search, written with plain Python objects: the executable specification that `hybrid.search` is held to.

One position, one tree of `Node` and `Edge`, recursion, no batches. Only two things are borrowed: the rules of the game
and its random rollout. Numbers that the batched trees store as float32 are rounded to it here too, so that both make
the same choices to the last bit. Values are in [-1, 1]; `values[p]` is player p's, all at an edge is the mover's, and
at a chance node that of the player who moved before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from hybrid.search import SearchConfig

WORD = 2**64 - 1


def splitmix(x: int) -> int:
    """The splitmix64 hash (Steele et al. 2014), the source of all randomness."""
    x = (x + 0x9E3779B97F4A7C15) & WORD
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & WORD
    return x ^ (x >> 31)


def fraction(x: int) -> float:
    """A hash as a number in [0, 1): its upper 53 bits."""
    return (x >> 11) / 2**53


@dataclass
class Edge:
    """A legal action or outcome at a node, and what simulations through it have found for the node's mover."""

    action: int
    prior: np.float32
    visits: int = 0
    total: float = 0.0
    proof: float | None = None
    child: Node | None = None

    @property
    def q(self) -> float | None:
        """The proven value, else the mean of the visits, else None."""
        if self.proof is not None:
            return self.proof
        return self.total / self.visits if self.visits else None


@dataclass
class Node:
    """A position, its own evaluation, the sum of all evaluations at and below it, and the prior mass visited."""

    position: Positions
    key: int
    values: npt.NDArray[np.float32]
    solved: bool
    chance: bool
    mover: int
    edges: list[Edge] = field(default_factory=list)
    visits: int = 0
    totals: list[float] = field(default_factory=list)
    explored: np.float32 = field(default_factory=np.float32)

    @property
    def mean(self) -> float:
        """The mean evaluation for the mover."""
        return self.totals[self.mover] / self.visits

    def count(self, values: npt.NDArray[np.float32]) -> None:
        self.visits += 1
        self.totals = [total + float(value) for total, value in zip(self.totals, values, strict=True)]


class ReferenceSearch:
    """PUCT search of one position with proofs (MCTS-Solver extended to draws and to chance)."""

    def __init__(self, game: Game, evaluator: Any, config: SearchConfig) -> None:
        self.game, self.evaluator, self.config, self.dial = game, evaluator, config, config.dial
        weight = config.dial.value_weight
        self.c_puct = weight * config.c_puct + (1.0 - weight) * config.c_rollout
        self.root: Node | None = None
        self.seed = self.simulation = self.evaluations = self.plies = 0

    def begin(self, position: Positions, seed: int, noise_seed: int | None = None) -> None:
        """Take the subtree of `position` from the tree so far, or plant a new root and expand it."""
        self.seed, self.simulation, self.evaluations, self.plies = seed, 0, 0, 0
        self.root = self._find(position) if self.root else None
        if self.root is None:
            self.root = self._make(position, splitmix(seed), 0)
            self.root.count(self.root.values)
        if noise_seed is not None:
            self._add_noise(self.root, noise_seed)

    def run(self, simulations: int) -> None:
        """Descend `simulations` times, or until the root is proven."""
        assert self.root is not None
        goal = self.simulation + simulations
        while self.simulation < goal and not self.root.solved:
            self.simulation += 1
            self._simulate(self.root)

    def _simulate(self, node: Node) -> npt.NDArray[np.float32]:
        """One descent from `node`; the leaf's values, counted at every node and edge on the way back."""
        if node.solved:
            values = node.values
        else:
            edge = self._draw(node) if node.chance else self._select(node)
            new = edge.child is None
            if edge.child is None:
                position = self.game.step(node.position, [edge.action])
                edge.child = self._make(position, splitmix(node.key ^ (edge.action + 1)), node.mover)
                node.explored += edge.prior
            if new and not edge.child.chance:
                values = edge.child.values
                edge.child.count(values)
            else:
                values = self._simulate(edge.child)
            edge.visits += 1
            edge.total += float(values[node.mover])
            if self.game.zero_sum and edge.child.solved:
                self._prove(node, edge)
        node.count(values)
        return values

    def _select(self, node: Node) -> Edge:
        """The edge with the highest Q + U (Silver et al. 2018), proven losses apart; the first of equals."""
        simulations = node.visits - 1
        c = self.c_puct + math.log((1.0 + simulations + self.config.c_base) / self.config.c_base)
        scale = c * math.sqrt(max(simulations, 1))
        first_play = node.mean - self.config.fpu_reduction * math.sqrt(max(float(node.explored), 0.0))

        def score(edge: Edge) -> float:
            q = first_play if edge.q is None else edge.q
            return q + scale * float(edge.prior) / (1 + edge.visits)

        return max((edge for edge in node.edges if edge.proof != -1.0), key=score)

    def _draw(self, node: Node) -> Edge:
        """The outcome at point n of the golden ratio's Weyl sequence, n being the node's visits, shifted by its key."""
        golden = 0x9E3779B97F4A7C15
        point = fraction((splitmix(node.key ^ golden) + node.visits * golden) & WORD)
        for edge in node.edges:
            point -= float(edge.prior)
            if point < 0:
                return edge
        return node.edges[-1]

    def _prove(self, node: Node, edge: Edge) -> None:
        """Note a solved child; a win, or the last open edge, solves the node itself with its best edge's result.

        A chance node is solved by the last open edge alone, at the mean of its outcomes.
        """
        assert edge.child is not None
        edge.proof = float(edge.child.values[node.mover])
        proven = [edge for edge in node.edges if edge.proof is not None]
        if node.chance:
            if len(proven) == len(node.edges):
                parts = [(float(edge.prior), edge.child.values.astype(float)) for edge in proven if edge.child]
                total = sum((share * values for share, values in parts), np.zeros(self.game.players))
                node.solved, node.values = True, (total / sum(share for share, _ in parts)).astype(np.float32)
        elif edge.proof == 1.0 or len(proven) == len(node.edges):
            best = max(proven, key=lambda edge: edge.proof or 0.0)
            assert best.child is not None
            node.solved, node.values = True, best.child.values

    def _make(self, position: Positions, key: int, before: int) -> Node:
        """A new node: the end of the game with its returns, expanded and evaluated, or, for chance, expanded only.

        `before` is who moved before.
        """
        over, to_play = bool(position["terminal"][0]), int(position["to_play"][0])
        chance = to_play == self.game.players and not over
        node = Node(position, key, position["returns"][0].copy(), over, chance, before if chance else to_play)
        node.totals = [0.0] * self.game.players
        if chance:
            shares = self.game.chance(position)[0]
            node.edges = [Edge(outcome, np.float32(shares[outcome])) for outcome in np.flatnonzero(shares).tolist()]
        elif not node.solved:
            self._expand(node)
        return node

    def _expand(self, node: Node) -> None:
        """Evaluate a node and give it an edge for each legal action, with prior softmax(prior_weight * logits).

        What `prior_weight` leaves is filled with seeded noise, so that a uniform prior has no preferred order.
        """
        logits, node.values = self._evaluate(node.position)
        actions = np.flatnonzero(self.game.legal_actions(node.position)[0]).tolist()
        weight = self.dial.prior_weight
        noise = [fraction(splitmix(node.key ^ (action + 1) ^ 0xA5A5A5A5A5A5A5A5)) for action in actions]
        mixed = [weight * float(logits[a]) + (1.0 - weight) * 1e-4 * u for a, u in zip(actions, noise, strict=True)]
        powers = [math.exp(float(np.float32(logit)) - max(mixed)) for logit in mixed]
        priors = [np.float32(float(np.float32(power)) / sum(powers)) for power in powers]
        node.edges = [Edge(action, prior) for action, prior in zip(actions, priors, strict=True)]

    def _evaluate(self, position: Positions) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Logits and values: the network's, a rollout's, or the mixture of both by `value_weight`."""
        logits = np.zeros(self.game.num_actions, np.float32)
        values = np.zeros(self.game.players, np.float32)
        if self.dial.prior_weight > 0 or self.dial.value_weight > 0:
            logits, values = (rows[0] for rows in self.evaluator(position))
            self.evaluations += 1
        if self.dial.value_weight < 1:
            seed = splitmix(self.seed ^ splitmix(self.simulation))
            returns, plies = self.game.rollout(position, np.array([seed], np.uint64))
            self.plies += int(plies[0])
            weight = self.dial.value_weight
            values = np.float32(weight) * values + np.float32(1.0 - weight) * returns[0]
        return logits, values

    def _add_noise(self, root: Node, seed: int) -> None:
        """Mix Dirichlet noise into the root's prior."""
        count, share = len(root.edges), self.config.noise_fraction
        noise = np.random.default_rng(seed).dirichlet([self.config.dirichlet_total / count] * count)
        prior = (1.0 - share) * np.array([edge.prior for edge in root.edges]) + share * noise
        for edge, noisy in zip(root.edges, prior.astype(np.float32), strict=True):
            edge.prior = noisy
        root.explored = sum((edge.prior for edge in root.edges if edge.visits), np.float32(0.0))

    def _find(self, position: Positions) -> Node | None:
        """The most visited node of the tree with this position."""
        nodes, found = [self.root], []
        while nodes:
            node = nodes.pop()
            if node is not None:
                found += [node] if node.position.tobytes() == position.tobytes() and node.edges else []
                nodes += [edge.child for edge in node.edges]
        return max(found, key=lambda node: node.visits, default=None)

    # What the finished search says.

    def choose(self) -> int:
        """The move: a proven win; else, losses apart, by visits, value, prior and a seeded tie-break.

        Of the other proven moves the best replaces a move that looks worse than it.
        """
        assert self.root is not None
        edges = self.root.edges
        wins = [edge for edge in edges if edge.proof == 1.0]
        if wins:
            return wins[0].action
        best = max([edge for edge in edges if edge.proof != -1.0] or edges, key=self._rank)
        proven = [(edge.proof, edge.action) for edge in edges if edge.proof is not None]
        value, action = max(proven, key=lambda known: known[0], default=(-1.0, best.action))
        return action if self._value(best) < value else best.action

    def _value(self, edge: Edge) -> float:
        """An edge's value; the root's mean where nothing is known."""
        assert self.root is not None
        return self.root.mean if edge.q is None else edge.q

    def _rank(self, edge: Edge) -> tuple[float, ...]:
        assert self.root is not None
        tie_break = fraction(splitmix(self.seed ^ (self.root.edges.index(edge) + 1)))
        return edge.visits, self._value(edge), float(edge.prior), tie_break

    def target(self) -> dict[int, float]:
        """The policy to distil: uniform over a proven root's best moves, else visits without proven losses."""
        assert self.root is not None
        root, weights = self.root, {}
        for edge in root.edges:
            if root.solved:
                weights[edge.action] = float(edge.proof == root.values[root.mover])
            else:
                weights[edge.action] = float(edge.visits) if edge.proof != -1.0 else 0.0
        if not any(weights.values()):
            weights = {edge.action: float(edge.prior) for edge in root.edges if edge.proof != -1.0}
        return {action: weight / sum(weights.values()) for action, weight in weights.items()}
