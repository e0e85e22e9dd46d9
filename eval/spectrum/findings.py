"""What the map says, in words: every sentence is computed from the measurements, with 95 % intervals in brackets."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from eval.spectrum.survey import Estimate, Spectrum, rising


@dataclass(frozen=True)
class Finding:
    """A question, the short answer, and the figures behind it."""

    question: str
    answer: str
    details: tuple[str, ...]


def findings(spectrum: Spectrum) -> list[Finding]:
    """The answers that this map can give; a map without the cells that a question is about leaves it out."""
    found = (_search_pays(spectrum), _network_pays(spectrum), _price(spectrum), _place(spectrum), _training(spectrum))
    return [finding for finding in found if finding is not None]


def amount(gain: Estimate) -> str:
    """A difference of ratings: `+120 Elo (60 to 180)`."""
    return f"{gain.value:+.0f} Elo ({gain.low:.0f} to {gain.high:.0f})".replace("-", "−")


def _time(milliseconds: float) -> str:
    """A time to two digits."""
    return f"{milliseconds:,.0f} ms" if milliseconds >= 100 else f"{milliseconds:.2g} ms"


def equivalent(spectrum: Spectrum, spec: str) -> str | None:
    """How many simulations search alone needs to play like this agent, in words; None without two such agents.

    More simulations are taken not to be worse, whatever chance says. The ends of the interval are budgets that were
    measured: from the smallest up, the last that is surely weaker, and from the largest down, the last that is surely
    stronger. The first that is not sure ends either row, so each end holds with 97.5 % however many there are.
    """
    direct = {cell.simulations: cell.agent for cell in spectrum.pool.cells if cell.position == 1.0}
    for opponent in spectrum.design.opponents:
        number = opponent.removeprefix("mcts?simulations=")
        if number.isdecimal():
            direct[int(number)] = opponent
    if len(direct) < 2:
        return None
    budgets = sorted(direct)
    leads = {budget: spectrum.gain(spec, direct[budget]) for budget in budgets}
    weaker = list(itertools.takewhile(lambda budget: leads[budget].low > 0.0, budgets))
    stronger = list(itertools.takewhile(lambda budget: leads[budget].high < 0.0, reversed(budgets)))
    if len(weaker) == len(budgets) or len(stronger) == len(budgets):
        return f"at least {budgets[-1]:,}" if weaker else f"at most {budgets[0]:,}"
    ratings = rising([spectrum.elo(direct[budget]) for budget in budgets])
    middle = float(np.exp(np.interp(spectrum.elo(spec).value, ratings, np.log(budgets))))
    least, most = (f"{ends[-1]:,}" if ends else "" for ends in (weaker, stronger))
    between = f"{least or f'under {budgets[0]:,}'} to {most or f'over {budgets[-1]:,}'}"
    return f"about {float(f'{middle:.2g}'):,.0f} ({between})"


def per_doubling(spectrum: Spectrum, generation: int, position: float) -> Estimate | None:
    """Elo gained by doubling the simulations at a dial position, from the smallest budget to the largest."""
    budgets = spectrum.design.simulations
    if len(budgets) < 2 or position not in spectrum.design.positions:
        return None
    ends = [spectrum.cell(generation, position, budget).agent for budget in (budgets[-1], budgets[0])]
    doublings = math.log2(budgets[-1] / budgets[0])
    return spectrum.sum({ends[0]: 1.0 / doublings, ends[1]: -1.0 / doublings})


def best(spectrum: Spectrum, generation: int, budget: int) -> float:
    """The dial position of the highest rating at a budget."""
    return max(
        spectrum.design.positions,
        key=lambda position: spectrum.elo(spectrum.cell(generation, position, budget).agent).value,
    )


def _search_pays(spectrum: Spectrum) -> Finding | None:
    """Search on top of the newest network against that network alone."""
    if 0.5 not in spectrum.design.positions:
        return None
    newest = spectrum.generations[-1]
    alone = spectrum.pool.networks[newest]
    gains = {
        budget: spectrum.gain(spectrum.cell(newest, 0.5, budget).agent, alone) for budget in spectrum.design.simulations
    }
    sure = [budget for budget, gain in gains.items() if gain.low > 0.0]
    top = spectrum.design.simulations[-1]
    if not sure:
        answer = "Not certainly at any budget measured: no interval of a gain over the network alone is above zero."
    elif sure == list(gains)[-len(sure) :]:
        over = f"{amount(gains[top])} over its own move"
        answer = f"From {sure[0]:,} simulations on; with {top:,} the newest network gains {over}."
    else:
        answer = _only_at(sure)
    details = [f"{budget:,} simulations: {amount(gain)}" for budget, gain in gains.items()]
    times = [spectrum.milliseconds(alone), spectrum.milliseconds(spectrum.cell(newest, 0.5, top).agent)]
    details.append(f"The price: {_time(times[1])} a move at {top:,} simulations instead of {_time(times[0])}.")
    return Finding("When does search pay?", answer, tuple(details))


def _only_at(sure: list[int]) -> str:
    """The answer where the gain is certain at some of the budgets."""
    return f"At {', '.join(f'{budget:,}' for budget in sure)} simulations; elsewhere the gain is not certain."


def _network_pays(spectrum: Spectrum) -> Finding | None:
    """The newest network against search without it, at equal simulations, and by itself."""
    positions, newest = spectrum.design.positions, spectrum.generations[-1]
    if 1.0 not in positions or 0.5 not in positions:
        return None
    gains = {
        budget: spectrum.gain(spectrum.cell(newest, 0.5, budget).agent, spectrum.cell(newest, 1.0, budget).agent)
        for budget in spectrum.design.simulations
    }
    sure = [budget for budget, gain in gains.items() if gain.low > 0.0]
    alone = equivalent(spectrum, spectrum.pool.networks[newest])
    least, top = spectrum.design.simulations[0], spectrum.design.simulations[-1]
    if len(sure) == len(gains):
        answer = (
            f"At every budget measured. It adds {amount(gains[least])} to {least:,} simulations and "
            f"{amount(gains[top])} to {top:,}."
        )
    elif sure:
        answer = _only_at(sure)
    else:
        answer = "Not certainly at any budget measured: search alone is as strong at equal simulations."
    details = [f"{budget:,} simulations, network or none: {amount(gain)}" for budget, gain in gains.items()]
    if alone is not None:
        details.append(f"The network alone plays like {alone} simulations of search without a network.")
    return Finding("When does the network pay?", answer, tuple(details))


def _price(spectrum: Spectrum) -> Finding | None:
    """What doubling the simulations buys."""
    newest = spectrum.generations[-1]
    slopes = {
        position: per_doubling(spectrum, newest, position) for position in spectrum.design.positions if position >= 0.5
    }
    known = {position: slope for position, slope in slopes.items() if slope is not None}
    if not known:
        return None
    budgets = spectrum.design.simulations
    chosen = 0.5 if 0.5 in known else min(known)
    return Finding(
        "How much search buys how much Elo?",
        f"Each doubling between {budgets[0]:,} and {budgets[-1]:,} simulations buys {amount(known[chosen])} at dial "
        f"{chosen:g}" + (f", and {amount(known[1.0])} without the network." if chosen < 1.0 in known else "."),
        tuple(
            [f"dial {position:g}: {amount(slope)} per doubling" for position, slope in known.items()]
            + list(_front_in_words(spectrum))
        ),
    )


def front(spectrum: Spectrum, generation: int) -> list[str]:
    """The agents of a checkpoint (and search alone) that nothing faster is rated above, fastest first."""
    specs = {cell.agent for cell in spectrum.pool.cells if cell.generation == generation}
    kept: list[str] = []
    for spec in sorted(specs, key=lambda one: (spectrum.milliseconds(one), -spectrum.elo(one).value)):
        if not kept or spectrum.elo(spec).value > spectrum.elo(kept[-1]).value:
            kept.append(spec)
    return kept


def place_of(spectrum: Spectrum, generation: int, spec: str) -> str:
    """Where an agent of the map stands, in words; of several places the simplest."""
    cells = [cell for cell in spectrum.pool.cells if cell.agent == spec and cell.generation == generation]
    cell = min(cells, key=lambda one: (abs(one.position - 0.5) if 0.0 < one.position < 1.0 else 0.0, one.simulations))
    if cell.position == 0.0:
        return "network alone"
    return f"{'search alone' if cell.position == 1.0 else f'dial {cell.position:g}'} · {cell.simulations:,}"


def _front_in_words(spectrum: Spectrum) -> Iterator[str]:
    newest = spectrum.generations[-1]
    steps = [
        f"{place_of(spectrum, newest, spec)} ({_time(spectrum.milliseconds(spec))}, {spectrum.elo(spec).value:.0f})"
        for spec in front(spectrum, newest)
    ]
    yield "Best for its time, fastest first: " + ", ".join(steps) + "."


def _place(spectrum: Spectrum) -> Finding | None:
    """Where on the dial the newest network stands best at each budget."""
    newest, details, places = spectrum.generations[-1], [], []
    for budget in spectrum.design.simulations:
        top = best(spectrum, newest, budget)
        leader = spectrum.cell(newest, top, budget).agent
        agents = {position: spectrum.cell(newest, position, budget).agent for position in spectrum.design.positions}
        others = {position: spectrum.gain(leader, agent) for position, agent in agents.items() if agent != leader}
        if not others:
            continue
        near = [f"{position:g}" for position, lead in others.items() if lead.low <= 0.0]
        places.append((budget, top, near))
        runner = min(others, key=lambda position: others[position].value)
        details.append(
            f"{budget:,} simulations: dial {top:g}, ahead of {runner:g} by {amount(others[runner])}"
            + (f"; {', '.join(near)} cannot be told from it" if near else "")
        )
    if not places:
        return None
    if len({top for _, top, _ in places}) == 1:
        answer = f"At dial {places[0][1]:g}, of those measured, at every budget."
    else:
        answer = f"It depends on the budget: {', '.join(f'dial {top:g} with {budget:,}' for budget, top, _ in places)}."
    if any(near for _, _, near in places):
        answer += " Not every lead is certain."
    return Finding("Where on the dial is the best place?", answer, tuple(details))


def _training(spectrum: Spectrum) -> Finding | None:
    """How all that moves from the first checkpoint of the map to the last."""
    old, new = spectrum.generations[0], spectrum.generations[-1]
    if old == new or 0.5 not in spectrum.design.positions:
        return None
    top = spectrum.design.simulations[-1]
    alone = {generation: spectrum.pool.networks[generation] for generation in (old, new)}
    searched = {generation: spectrum.cell(generation, 0.5, top).agent for generation in (old, new)}
    network, both = spectrum.gain(alone[new], alone[old]), spectrum.gain(searched[new], searched[old])
    worth = {generation: spectrum.gain(searched[generation], alone[generation]) for generation in (old, new)}
    change = spectrum.sum({searched[new]: 1.0, alone[new]: -1.0, searched[old]: -1.0, alone[old]: 1.0})
    trend = "falls" if change.high < 0.0 else "rises" if change.low > 0.0 else "does not certainly change"
    details = [
        f"Network alone, generation {old} to {new}: {amount(network)}",
        f"With {top:,} simulations at dial 0.5: {amount(both)}",
        f"Worth of search, generation {old}: {amount(worth[old])}; generation {new}: {amount(worth[new])}",
    ]
    details += _shifts(spectrum, old, new)
    answer = (
        f"The network alone gains {amount(network)}; what {top:,} simulations add to it {trend} ({amount(change)})."
    )
    return Finding("How does that move as training proceeds?", answer, tuple(details))


def _shifts(spectrum: Spectrum, old: int, new: int) -> Iterator[str]:
    """How what the network alone is worth, and the best place on the dial, moved between two checkpoints."""
    plays = [(number, equivalent(spectrum, spectrum.pool.networks[number])) for number in (old, new)]
    if all(text for _, text in plays):
        told = ", ".join(f"{text} at generation {number}" for number, text in plays)
        yield f"The network alone is worth this many simulations of search without it: {told}."
    if len(spectrum.design.positions) > 1:
        moves = [
            f"{best(spectrum, old, budget):g} → {best(spectrum, new, budget):g} at {budget:,}"
            for budget in spectrum.design.simulations
        ]
        yield f"Best place on the dial, generation {old} → {new}: {', '.join(moves)} simulations."
