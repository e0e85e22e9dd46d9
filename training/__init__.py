"""Training by self-play: search with the self-play dial, replay, distil, evaluate, checkpoint."""
