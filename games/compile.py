"""Ahead-of-time style compilation with numba: explicit signatures, cached on disk, direct entry points.

numba caches neither functions that close over compiled functions nor notices a change in an imported helper.
Both follow from its cache key, so `compiled` replaces the key by a fingerprint of everything the function
refers to. Kernels can then be written as factories that take a game's rules (`def factory(play, legal): def
kernel(...)`): the rules are inlined, and a second process compiles nothing.

numba tells functions of one name apart by counting those it compiles, in each process anew. The linker takes the first
of two symbols of one name, so of two kernels that were cached by different processes one could call the other's inner
functions (https://github.com/numba/numba/issues/10486). Here the count begins at a number of the kernel's own.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import types as python_types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, typeof
from numba.core import config
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import FunctionCache
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError, NumbaExperimentalFeatureWarning


def inner(function: Callable[..., Any], **options: Any) -> Any:
    """Decorates helpers that compiled code alone calls, with numba's options.

    What Python would need to call them takes about an eighth of the time in which a search is compiled.
    """
    options |= dict.fromkeys(("no_cpython_wrapper", "no_cfunc_wrapper"), True)
    return njit(**options)(function)


def allocating(function: Callable[..., Any]) -> Any:
    """Decorates helpers that make arrays but are called by kernels that are compiled with `allocates=False`."""
    return inner(function, _nrt=True)


def compiled(function: Callable[..., Any], signature: Any, *, allocates: bool = True) -> Any:
    """Compile `function` for one numba `signature`, through the disk cache, releasing the GIL.

    Returns the compiled dispatcher: kernels may close over it, and `entry` gives its fast entry point. With
    NUMBA_DISABLE_JIT=1 it is `function` itself. Raises ValueError with the cause where it cannot be compiled, or where
    there is no folder for the cache.

    A kernel that makes no arrays should say so by `allocates=False`: it and its helpers are then compiled without
    counting references. Else every helper that is handed an array counts it by atomic instructions, which in a tree
    search take a third of the time.
    """
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    dispatcher = njit(nogil=True, _nrt=allocates)(function)  # type: ignore[call-overload]
    try:
        cache = _FingerprintCache(function, allocates)
    except RuntimeError as error:  # numba has nowhere to write
        raise ValueError(
            f"compiled code of {Path(function.__code__.co_filename).name} cannot be kept: set NUMBA_CACHE_DIR to a "
            f"folder that can be written ({error})"
        ) from error
    dispatcher._cache = cache
    with warnings.catch_warnings(), _symbols_from(cache.first_symbol(signature)):
        # Helpers that read no more than a position's header may serve every game whose records begin with it, which is
        # just right; numba remarks on it when a game has nothing but the header.
        warnings.simplefilter("ignore", NumbaExperimentalFeatureWarning)
        try:
            dispatcher.compile(signature)
        except Exception as error:  # numba has errors of many kinds for what rules may get wrong
            file = Path(function.__code__.co_filename).name
            raise ValueError(f"cannot compile {function.__name__} of {file}: {_cause(error)}") from error
    dispatcher.disable_compile()
    return dispatcher


def _cause(error: Exception) -> str:
    """What a failed compilation has to say: one line, and where in the source that is, where numba knows."""
    said = (line for line in str(error).splitlines() if line.strip() and not line.startswith("Failed in "))
    cause = next(said, "").strip() if isinstance(error, NumbaError) else f"{type(error).__name__}: {error}"
    place = getattr(error, "loc", None)
    return cause if place is None else f"{cause} ({Path(place.filename).name}, line {place.line})"


def entry(dispatcher: Any) -> Callable[..., Any]:
    """The compiled code of a dispatcher made by `compiled`, called without numba's type dispatch.

    It takes arguments of exactly the compiled types (array dtypes and contiguity are the caller's duty).
    """
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return dispatcher  # type: ignore[no-any-return]
    (overload,) = dispatcher.overloads.values()
    return overload.entry_point  # type: ignore[no-any-return]


def kernel(factory: Callable[..., Any], signature: Any, *rules: Any, allocates: bool = True) -> Callable[..., Any]:
    """The entry point of `factory(*rules)` compiled for `signature`; `rules` are inlined."""
    return entry(compiled(factory(*rules), signature, allocates=allocates))


def type_of(value: Any) -> Any:
    """The numba type of a value."""
    return typeof(value)  # type: ignore[no-untyped-call]


def fingerprint(function: Callable[..., Any]) -> str:
    """A hash of a function's code and, recursively, of the defaults, globals and closure values that it refers to."""
    digest = hashlib.sha256()
    _update(digest, function, set(), {})
    return digest.hexdigest()


class _FingerprintCache(FunctionCache):
    """numba's on-disk function cache, keyed by `fingerprint` and options in addition to the signature."""

    def __init__(self, function: Callable[..., Any], *options: Any) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        self._fingerprint = (fingerprint(function), *options)

    def first_symbol(self, signature: Any) -> int:
        """The number from which the functions of this kernel are counted, of 64 bits."""
        return int(hashlib.sha256(repr((self._fingerprint, signature)).encode()).hexdigest()[:16], 16)

    def _index_key(self, signature: Any, codegen: Any) -> tuple[Any, ...]:
        return (signature, codegen.magic_tuple(), self._fingerprint, self.first_symbol(signature))


@contextlib.contextmanager
def _symbols_from(number: int) -> Iterator[None]:
    """Within, numba counts the functions it compiles from `number` on."""
    with global_compiler_lock:
        before = FunctionIdentity._unique_ids
        FunctionIdentity._unique_ids = itertools.count(number)
        try:
            yield
        finally:
            FunctionIdentity._unique_ids = before


def _update(digest: Any, value: Any, names: set[str], seen: dict[tuple[int, str], int]) -> None:
    """Feed what determines the compiled form of `value`, to which code with these `names` refers, to `digest`.

    `seen` numbers the functions and the attributes of modules that were fed before.
    """
    if isinstance(value, Dispatcher):
        # Options may hold sets, whose order differs from process to process.
        options = sorted((name, sorted(o) if isinstance(o, set) else o) for name, o in value.targetoptions.items())
        _feed(digest, "options", options)
        value = value.py_func
    if isinstance(value, python_types.FunctionType):
        if _new(digest, (id(value), ""), seen):
            _update_function(digest, value, seen)
    elif isinstance(value, python_types.ModuleType):
        _feed(digest, "module", value.__name__)
        for name in [] if _foreign(value) else sorted(names & vars(value).keys()):
            _feed(digest, "attribute", name)
            if _new(digest, (id(value), name), seen):
                _update(digest, vars(value)[name], names, seen)
    elif isinstance(value, np.ndarray):
        _feed(digest, "array", (value.dtype, value.shape, value.tobytes()))
    elif isinstance(value, tuple | list):
        _feed(digest, type(value).__name__, len(value))
        for item in value:
            _update(digest, item, names, seen)
    else:
        _feed(digest, type(value).__name__, value)


def _new(digest: Any, key: tuple[int, str], seen: dict[tuple[int, str], int]) -> bool:
    """Whether `key` is fed for the first time; else its number is."""
    if key in seen:
        _feed(digest, "again", seen[key])
        return False
    seen[key] = len(seen)
    return True


def _update_function(digest: Any, function: python_types.FunctionType, seen: dict[tuple[int, str], int]) -> None:
    """Feed a function's code and all that it refers to, each value after the name by which it is known."""
    _feed(digest, "function", function.__module__)  # compiled code can be loaded only where its modules can
    _update_code(digest, function.__code__)
    names = _names(function.__code__)
    values = dict(enumerate(function.__defaults__ or ())) | (function.__kwdefaults__ or {})
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    known = {name: function.__globals__[name] for name in sorted(names & function.__globals__.keys())}
    for name, value in (*values.items(), *((name, cell.cell_contents) for name, cell in cells.items()), *known.items()):
        _feed(digest, "name", name)
        _update(digest, value, names, seen)


def _update_code(digest: Any, code: python_types.CodeType) -> None:
    """Feed a code object's instructions, names and constants (nested functions included) to `digest`."""
    _feed(digest, "code", (code.co_code, code.co_names, code.co_varnames, code.co_freevars, len(code.co_consts)))
    for constant in code.co_consts:
        if isinstance(constant, python_types.CodeType):
            _update_code(digest, constant)
        else:
            _feed(digest, type(constant).__name__, constant)


def _feed(digest: Any, kind: str, value: Any) -> None:
    """Feed one value. How long it is comes first, so that values side by side cannot be taken for others."""
    content = f"{kind} {value!r}".encode()
    digest.update(f"{len(content)}:".encode() + content)


def _foreign(module: python_types.ModuleType) -> bool:
    """Whether a module is another project's: what it does changes with its version, which numba's own key tells."""
    source = getattr(module, "__file__", None) or "lib/python"
    own = module.__name__.partition(".")[0] in ("games", "hybrid")
    return not own and ("site-packages" in source or "lib/python" in source)


def _names(code: python_types.CodeType) -> set[str]:
    """The global and attribute names used by a code object and those nested in it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, python_types.CodeType):
            names |= _names(constant)
    return names
