"""Takes a guard out of a running program: the functions that its removal changes get their new code, in place.

Why: starting the provider and collecting its tests costs several times what a test does; here both happen once, and
every guard is removed in a fork. What cannot be done to functions that exist (a constant, a class, a statement made
at import, a template) is left to ``worker``, which starts anew over the changed source.

It is the same as starting anew: both texts are compiled whole, and a function is exchanged exactly where the two
programs differ; whatever refers to it, by whichever name, calls the new code.
"""

from __future__ import annotations

import functools
import gc
import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType

_ALIKE = (
    "co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags", "co_argcount",
    "co_kwonlyargcount", "co_posonlyargcount", "co_exceptiontable",
)  # fmt: skip

Change = tuple[FunctionType, CodeType]


class Program:
    """The functions of ``idp`` as they were when this was made."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._functions: defaultdict[tuple[str, str, int], list[FunctionType]] = defaultdict(list)
        self._caches: list[functools._lru_cache_wrapper[object]] = []
        for found in gc.get_objects():
            if isinstance(found, functools._lru_cache_wrapper) and str(found.__module__).startswith("idp"):
                self._caches.append(found)
            if type(found) is FunctionType and found.__code__.co_filename.startswith(f"{root}/idp/"):
                code = found.__code__
                self._functions[code.co_filename, code.co_qualname, code.co_firstlineno].append(found)

    def changes(self, texts: Mapping[str, str]) -> list[Change] | None:
        """What to exchange, so that these texts are what runs; None if that would not be enough."""
        found: list[Change] = []
        for name, text in texts.items():
            path = self._root / name
            if path.suffix != ".py":
                return None
            old, new = (compile(source, str(path), "exec") for source in (path.read_text(), text))
            for before, after in _differing(old, new):
                live = self._functions.get((str(path), before.co_qualname, before.co_firstlineno), [])
                if not live or not inspect.CO_OPTIMIZED & before.co_flags or before.co_freevars != after.co_freevars:
                    return None
                found += [(function, after) for function in live]
        return found

    def make(self, changes: list[Change]) -> None:
        """Exchange them, and forget what the old ones said."""
        for function, code in changes:
            function.__code__ = code
        for cache in self._caches:
            cache.cache_clear()


def _differing(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """The outermost parts that differ: functions, or the body of a module or a class itself."""
    pairs = _inner(old, new)
    if pairs is None or not _alike(old, new):
        yield old, new
        return
    for before, after in pairs:
        if before.co_flags & inspect.CO_OPTIMIZED:
            if any(True for _ in _differing(before, after)):
                yield before, after
        else:
            yield from _differing(before, after)


def _inner(old: CodeType, new: CodeType) -> list[tuple[CodeType, CodeType]] | None:
    """The codes within, side by side; None if they are others."""
    ours, theirs = ([const for const in code.co_consts if isinstance(const, CodeType)] for code in (old, new))
    if [code.co_qualname for code in ours] != [code.co_qualname for code in theirs]:
        return None
    return list(zip(ours, theirs, strict=True))


def _alike(old: CodeType, new: CodeType) -> bool:
    consts, others = (
        [repr(const) for const in code.co_consts if not isinstance(const, CodeType)] for code in (old, new)
    )
    return consts == others and all(getattr(old, name) == getattr(new, name) for name in _ALIKE)
