"""Evaluation: matches, ratings, tournaments and exact yardsticks. Import its modules, never `import eval` itself."""
