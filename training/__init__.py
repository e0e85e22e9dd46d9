"""Training: self-play, replay, learner and the loop that runs them; agents are played without any of it."""
