"""For all tests: coverage does not watch numba compile, which it would slow by half."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from numba.core.dispatcher import Dispatcher


@pytest.fixture(autouse=True, scope="session")
def compiling_untraced() -> Iterator[None]:
    """Take the trace function away while numba compiles, and give it back."""
    compiling = Dispatcher.compile

    def untraced(dispatcher: Dispatcher, signature: Any) -> Any:
        trace = sys.gettrace()
        sys.settrace(None)
        try:
            return compiling(dispatcher, signature)
        finally:
            sys.settrace(trace)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dispatcher, "compile", untraced)
        yield
