"""Policies from Q values: completed Q and the improved policy of Gumbel AlphaZero, and the exact regularised policy.

`(b, node)` is an expanded node; arrays over its edges `[A]` are filled in its first `edges` slots. Citations: Gumbel is
Danihelka et al. 2022 ("Policy improvement by planning with Gumbel"); Grill is Grill et al. 2020 ("Monte-Carlo tree
search as regularized policy optimization"). Q values are in [-1, 1] for the mover; Gumbel's transformation, which is
stated for [0, 1], sees (q + 1) / 2.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from games.compile import inner
from games.kernels import mix, unit
from hybrid.tree import UNPROVEN


@inner
def completed_q(tree, b, node, q):
    """Fill `q` with proven values, means, and for unvisited edges the mixed value of Gumbel's appendix D, equation 33.

    v_mix = (v + ΣN · Σ prior q / Σ prior) / (1 + ΣN), inner sums over visited edges, v the node's own evaluation.
    """
    mover = tree.node[b, node].to_play
    visits = 0
    mass = 0.0
    weighted = 0.0
    for slot in range(tree.node[b, node].edges):
        count = tree.edge[b, node, slot].visits
        if tree.edge[b, node, slot].proof != UNPROVEN:
            q[slot] = tree.edge[b, node, slot].proof
        elif count > 0:
            q[slot] = tree.edge[b, node, slot].total / count
        if count > 0:
            visits += count
            mass += tree.edge[b, node, slot].prior
            weighted += tree.edge[b, node, slot].prior * q[slot]
    mixed = np.float64(tree.value[b, node, mover])
    if mass > 0.0:
        mixed = (mixed + visits * weighted / mass) / (1.0 + visits)
    for slot in range(tree.node[b, node].edges):
        if tree.edge[b, node, slot].visits == 0 and tree.edge[b, node, slot].proof == UNPROVEN:
            q[slot] = mixed


@inner
def sigma(q, most_visits, c_visit, c_scale):
    """Gumbel's monotone transformation of a Q value, equation 8: (c_visit + max N) c_scale (q + 1) / 2."""
    return (c_visit + most_visits) * c_scale * 0.5 * (q + 1.0)


@inner
def most_visits(tree, b, node):
    """The visits of the most visited edge."""
    most = 0
    for slot in range(tree.node[b, node].edges):
        most = max(most, tree.edge[b, node, slot].visits)
    return most


@inner
def log_prior(tree, b, node, slot):
    """The logit of an edge in the search prior, up to a constant of the node."""
    return math.log(max(np.float64(tree.edge[b, node, slot].prior), 1e-30))


@inner
def improved_policy(tree, b, node, c_visit, c_scale, policy):
    """Fill `policy` with softmax(log prior + σ(completed Q)), Gumbel's equation 11.

    Proven losses get nothing, unless there is nothing else.
    """
    completed_q(tree, b, node, policy)
    most = most_visits(tree, b, node)
    lost = tree.node[b, node].solved == 1 and tree.value[b, node, tree.node[b, node].to_play] == -1.0
    peak = -np.inf
    for slot in range(tree.node[b, node].edges):
        policy[slot] = log_prior(tree, b, node, slot) + sigma(policy[slot], most, c_visit, c_scale)
        if tree.edge[b, node, slot].proof == -1.0 and not lost:
            policy[slot] = -np.inf
        peak = max(peak, policy[slot])
    total = 0.0
    for slot in range(tree.node[b, node].edges):
        policy[slot] = math.exp(policy[slot] - peak)
        total += policy[slot]
    for slot in range(tree.node[b, node].edges):
        policy[slot] /= total


@inner
def regularised_policy(tree, b, node, c_puct, policy):
    """Fill `policy` with Grill's π̄ = λ prior / (α − q), equation 9, with λ = c √N / (|A| + N), equation 5.

    α makes it sum to 1; how far it lies above the largest q, at most λ, is found by bisection. Unvisited edges have the
    mixed value of `completed_q`. Without simulations it is the prior.
    """
    edges = tree.node[b, node].edges
    simulations = tree.node[b, node].visits - 1
    for slot in range(edges):
        policy[slot] = max(np.float64(tree.edge[b, node, slot].prior), 1e-30)
    if simulations == 0:
        return
    weight = c_puct * math.sqrt(simulations) / (edges + simulations)
    q = np.empty(edges)
    completed_q(tree, b, node, q)
    best = q.max()
    low = 0.0
    high = weight
    for _ in range(160):  # for the best edge may have a prior of almost nothing
        above = 0.5 * (low + high)
        total = 0.0
        for slot in range(edges):
            total += weight * policy[slot] / (above + (best - q[slot]))
        if total > 1.0:
            low = above
        else:
            high = above
    for slot in range(edges):
        policy[slot] *= weight / (high + (best - q[slot]))


@inner
def gumbel(seed, action):
    """A standard Gumbel variate for an action, drawn from a seed; 0 where the seed is 0, which means no noise."""
    if seed == 0:
        return 0.0
    return -math.log(-math.log(max(unit(mix(mix(seed) ^ np.uint64(action + 1))), 1e-300)))


@inner
def required_visits(simulation, considered, budget):
    """The visits of the root edges among which simulation number `simulation` (from 0) chooses.

    Sequential halving (Gumbel's figure 1): each of ⌈log2 m⌉ phases gives its candidates equally many visits, then
    drops the worse half, down to two.
    """
    phases = max(1, math.ceil(math.log2(considered)))
    start = 0
    visits = 0
    while True:
        rounds = max(1, budget // (phases * considered))
        if simulation < start + rounds * considered:
            return visits + (simulation - start) // considered
        start += rounds * considered
        visits += rounds
        considered = min(considered, max(2, considered // 2))
