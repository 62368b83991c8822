"""What a user's functions and classes do, as plain lists: equal lists for the same code, in any process.

Read from bytecode, which is what really runs: the file may have been edited since it was imported, and
comments, line numbers, folders and names of local variables don't count. Code of Keras, TensorFlow, NumPy
and the standard library stands for itself by its name.
"""

from __future__ import annotations

import dis
import functools
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

Of = Callable[[Any], Any]
"""Makes plain lists of any value; see `canonical.Canon.of`."""

LIBRARIES = sys.stdlib_module_names | {"keras", "tensorflow", "numpy", "ml_dtypes"}
"""Top-level names of modules whose code is known by name."""

_BEGINS = ("call", "__call__", "compute_mask")
"""The methods of a layer that act when a network is run."""


def root_of(value: Any) -> str:
    """The top-level module that a function, class or module comes from; of other values, their class."""
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    if not isinstance(name, str):
        name = type(value).__module__
    return name.partition(".")[0]


def is_library(value: Any) -> bool:
    """Whether a function, class or module, or the class of a value, is known by name."""
    return root_of(value) in LIBRARIES


@functools.cache
def installed(root: str) -> bool:
    """Whether a top-level module is an installed package, and no code that its user works on."""
    module = sys.modules.get(root)
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any({"site-packages", "dist-packages"} & set(Path(place).parts) for place in places if place)


def by_name(value: Any) -> list[Any]:
    """A function, class or module by its name, and by its package's version if it has one to tell."""
    root, module = root_of(value), str(getattr(value, "__module__", ""))
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    version = None if root in LIBRARIES else getattr(sys.modules.get(root), "__version__", None)
    # `relu` of `activations` and of `nn`; where these stand in the package may change.
    return ["named", root, module.rpartition(".")[2], str(name), str(version)]


def function_content(function: FunctionType, of: Of, *, deep: bool = True) -> list[Any]:
    """A function's code, defaults and closure; `deep`, also whatever globals it mentions."""
    code = function.__code__
    closure = [_cell(cell, of) for cell in function.__closure__ or ()]
    defaults = [of(function.__defaults__), of(function.__kwdefaults__)]
    plain = ["function", code_content(code, of, function.__doc__), defaults, closure]
    return [*plain, list(_globals(function, of))] if deep else plain


def _cell(cell: Any, of: Of) -> Any:
    try:
        return of(cell.cell_contents)
    except ValueError:  # a variable that is not set yet
        return None


def code_content(code: CodeType, of: Of, documentation: str | None = None) -> list[Any]:
    """Instructions, constants and names of a code object, those inside it included."""
    constants = list(code.co_consts)
    if documentation is not None and constants[:1] == [documentation]:
        constants[0] = None
    kinds = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS | inspect.CO_GENERATOR | inspect.CO_COROUTINE
    arguments = code.co_argcount + code.co_kwonlyargcount
    return [
        code.co_code.hex(),
        code.co_exceptiontable.hex(),
        [code_content(value, of) if isinstance(value, CodeType) else of(value) for value in constants],
        list(code.co_names),
        list(code.co_varnames[:arguments]),
        list(code.co_freevars),
        [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & kinds],
    ]


def _globals(function: FunctionType, of: Of) -> Iterator[list[Any]]:
    """Each global that a function mentions, and what it mentions of modules: `helpers.scale`."""
    scope = function.__globals__
    if str(scope.get("__name__")).partition(".")[0] in LIBRARIES:
        return  # a library's decorator, which took on the name of what it decorates
    mentions = _mentions(function)
    own = [(name, scope[name]) for name in mentions.globals if name in scope and not name.startswith("__")]
    own += [(name, _module(name)) for name in mentions.modules]
    yield from ([name, of(value)] for name, value in own)
    modules = [value for _, value in own if isinstance(value, ModuleType)]
    seen: set[str] = set()
    while modules:
        module = modules.pop()
        if is_library(module) or installed(root_of(module)) or module.__name__ in seen:
            continue
        seen.add(module.__name__)
        for name in mentions.attributes:
            if hasattr(module, name):
                value = getattr(module, name)
                yield [name, of(value)]
                modules += [value] if isinstance(value, ModuleType) else []


class _Mentions(NamedTuple):
    """Names in a function's code, functions inside it included, each kind in alphabetical order."""

    globals: list[str]
    attributes: list[str]
    modules: list[str]
    """Full names of the modules that it imports itself."""


def _mentions(function: FunctionType) -> _Mentions:
    package = function.__globals__.get("__package__") or ""
    globals_, attributes, modules = set(), set(), set()
    for code in _codes(function.__code__):
        steps = list(dis.get_instructions(code))
        for place, step in enumerate(steps):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
                globals_.add(str(step.argval))
            elif step.opname == "IMPORT_NAME":
                level = steps[place - 2].argval  # pushed before the names that are imported
                dots = "." * level if isinstance(level, int) else ""
                modules.add(importlib.util.resolve_name(f"{dots}{step.argval}", package).rstrip("."))
            else:
                attributes |= {str(step.argval)} if step.opcode in dis.hasname else set()
    return _Mentions(sorted(globals_), sorted(attributes), sorted(modules))


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A code object and those inside it."""
    yield code
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _codes(value)


def _module(name: str) -> ModuleType | None:
    if name.partition(".")[0] in LIBRARIES:
        return sys.modules.get(name)
    try:
        return importlib.import_module(name)
    except Exception:  # as it would fail where it is used, if it ever is
        return None


# -- classes ---------------------------------------------------------------------------------------


def class_content(kind: type, of: Of, *, layer: bool) -> list[Any]:
    """A user's class and those it inherits from, down to a library's: methods and constants.

    Of a `layer` what is reached when it is run is followed into other code; of another class everything.
    """
    own = [base for base in kind.__mro__ if not is_library(base)]
    library = next((base for base in kind.__mro__ if is_library(base) and base is not object), object)
    members = [[name, value] for base in own for name, value in sorted(vars(base).items())]
    followed = _reached(members) if layer else {name for name, _ in members}
    content = [[name, _member(value, of, name in followed)] for name, value in members if _acts(name, value)]
    return ["class", by_name(library), content]


_NO_CODE = ("__doc__", "__module__", "__annotations__", "__dict__", "__weakref__", "__qualname__")


def _acts(name: str, value: object) -> bool:
    """Whether a member of a class may matter; Python keeps notes of its own beside them."""
    private = name.startswith("__") and name.endswith("__")
    return not (private or name.startswith("_abc_")) or (private and _function(value) is not None)


def _member(value: Any, of: Of, deep: bool) -> Any:
    function = _function(value)
    return of(value) if function is None else function_content(function, of, deep=deep)


def _function(member: Any) -> FunctionType | None:
    """The function behind a method, a static or class method, a property or a decorated one."""
    for name in ("__func__", "fget", "func", "python_function", "__wrapped__"):
        inner = getattr(member, name, None)
        if inner is not None and not isinstance(member, FunctionType):
            return _function(inner)
    return member if isinstance(member, FunctionType) else None


def _reached(members: Iterable[list[Any]]) -> set[str]:
    """Names of the members that those which act when a layer is run mention, directly or not."""
    functions: dict[str, list[FunctionType | None]] = {}
    for name, value in members:
        functions.setdefault(name, []).append(_function(value))
    reached, queue = set(), [name for name in _BEGINS if name in functions]
    while queue:
        name = queue.pop()
        reached.add(name)
        for function in filter(None, functions[name]):
            names = {name for code in _codes(function.__code__) for name in code.co_names}
            queue += [name for name in sorted(names) if name in functions and name not in reached]
    return reached
