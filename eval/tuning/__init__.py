"""Finding the best dial by games: the space of dials, a model of their Elo, what to play next, and the loop."""
