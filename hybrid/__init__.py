"""Board-game agents anywhere between pure search and pure network; see `hybrid.dial` for the spectrum."""
