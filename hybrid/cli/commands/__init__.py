"""The commands of `hybrid`, one module each, found by name: `hybrid NAME` runs the module `NAME` of this package.

A command's module has a docstring whose first line is its summary, a function `add_arguments(parser)`, and a function
`run(**options) -> Outcome`. What is slow to import (games, agents, networks) is imported inside these functions, so
that help is immediate. A command whose defaults depend on its arguments has `defaults(parser, arguments)` as well.
"""
