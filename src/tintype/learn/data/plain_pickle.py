"""Reads plain data from a pickle without unpickling: no object is built and nothing is called.

A pickle is a program for a small virtual machine that may import and call anything. Here
`pickletools` splits it into instructions, and only the few that plain data need are executed, on
values created here: numbers, strings, bytes, lists, tuples, dicts, and NumPy arrays of numbers. An
array is stored as calls of four known names; they are recognised as patterns, their arguments are
checked, and the array is a view of the bytes in the file. Everything else is refused.
"""

import math
import pickletools
import re
import struct
import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tintype.errors import brief

MAX_BYTES = 256 << 20
"""Maximum size of a pickle in bytes; a batch of CIFAR-10 has 31 MB."""

_MAX_INSTRUCTIONS = 1 << 22
"""Maximum number of instructions. One byte can create an object of 64 bytes; a batch of CIFAR has
about 200,000 instructions."""
_MAX_DIMENSIONS = 8
_MAX_INTEGER_BITS = 63
_NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|c8|c16)")
_RECONSTRUCT = frozenset(
    {"numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"}
)
_ORDERS: dict[str, Literal["<", ">", "="]] = {"<": "<", ">": ">", "=": "=", "|": "="}
_NAMES = _RECONSTRUCT | {"numpy ndarray", "numpy dtype", "_codecs encode"}


class PlainPickleError(ValueError):
    """The file is not a pickle, or contains more than plain data; the message has the details."""


def loads(data: bytes) -> object:
    """Reads the value of a pickle.

    Args:
        data: The whole file, any protocol. Python 2 strings become bytes.

    Returns:
        None, a bool, int, float, str, bytes, list, tuple, dict or array of numbers. A value that
        the pickle refers to twice is one object, and lists and dicts may contain themselves.

    Raises:
        PlainPickleError: It is damaged, or needs anything else.
    """
    if len(data) > MAX_BYTES:
        raise PlainPickleError(f"it has more than {MAX_BYTES >> 20} MB")
    machine = _Machine(room=len(data))
    try:
        with warnings.catch_warnings():
            # A warning about a backslash in a Python 2 string that escapes nothing, and is kept.
            warnings.simplefilter("ignore", DeprecationWarning)
            for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
                if number >= _MAX_INSTRUCTIONS:
                    raise PlainPickleError(f"it has more than {_MAX_INSTRUCTIONS:,} instructions")
                if opcode.name == "STOP":
                    return machine.result()
                machine.run(opcode.name, argument)
    except PlainPickleError:
        raise
    except (ValueError, OverflowError, struct.error) as error:
        # Raised by pickletools for a truncated or malformed argument.
        raise PlainPickleError(f"it is damaged: {brief(error, most=100)}") from None
    raise PlainPickleError("it is damaged: it does not end")


class _Name:
    """A name that the pickle would import; only those of arrays are known."""

    def __init__(self, name: str) -> None:
        if name not in _NAMES:
            raise PlainPickleError(f"it refers to '{brief(name.replace(' ', '.'))}'")
        self.name = name


class _NumberType:
    """A numeric NumPy type whose byte order follows later."""

    def __init__(self, code: str) -> None:
        if _NUMBERS.fullmatch(code) is None:
            raise PlainPickleError(f"an array contains '{brief(code)}', which are not numbers")
        self.dtype = np.dtype(code)


class _UnfilledArray:
    """An array whose shape and bytes follow later."""

    def __init__(self) -> None:
        self.remembered: list[int] = []  # its keys in the memo


_MARK = object()


class _Machine:
    """The stack and the memo, and the effect of each instruction on them.

    Args:
        room: Maximum number of bytes that calls may create: a string in the memo can be encoded
            repeatedly.
    """

    def __init__(self, *, room: int) -> None:
        self._room = room
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, name: str, argument: Any) -> None:  # noqa: ANN401 - pickletools gives any
        """Executes one instruction."""
        if name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name]())
        elif name in _VALUES:
            self._stack.append(_value(name, argument))
        elif name in _TUPLES:
            size = _TUPLES[name]
            self._stack.append(tuple(reversed([self._pop() for _ in range(size)])))
        elif name in {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}:
            self._remember(len(self._memo) if name == "MEMOIZE" else argument)
        elif name in {"GET", "BINGET", "LONG_BINGET"}:
            if argument not in self._memo:
                raise PlainPickleError("it is damaged: it recalls what it has not stored")
            self._stack.append(self._memo[argument])
        elif name in _ACTIONS:
            _ACTIONS[name](self)
        elif name == "GLOBAL":
            self._stack.append(_Name(argument))
        elif name not in {"PROTO", "FRAME"}:
            raise PlainPickleError(f"it contains more than plain data ({name})")

    def result(self) -> object:
        """The final value on the stack."""
        if len(self._stack) != 1:
            raise PlainPickleError("it is damaged: it does not end with one value")
        seen: set[int] = set()
        waiting = [self._stack[0]]
        while waiting:
            value = waiting.pop()
            if not isinstance(value, _PLAIN):
                raise PlainPickleError("it contains part of an array")
            if isinstance(value, list | tuple | dict) and id(value) not in seen:
                seen.add(id(value))
                waiting.extend(value.values() if isinstance(value, dict) else value)
        return self._stack[0]

    def mark(self) -> None:
        self._stack.append(_MARK)

    def pop(self) -> None:
        self._pop()

    def append(self) -> None:
        value = self._pop()
        self._top(list).append(value)

    def appends(self) -> None:
        values = self._since_mark()
        self._top(list).extend(values)

    def make_list(self) -> None:
        self._stack.append(self._since_mark())

    def make_tuple(self) -> None:
        self._stack.append(tuple(self._since_mark()))

    def make_dict(self) -> None:
        values = self._since_mark()
        self._stack.append({})
        self._fill(values)

    def set_item(self) -> None:
        value, key = self._pop(), self._pop()
        self._fill([key, value])

    def set_items(self) -> None:
        self._fill(self._since_mark())

    def stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        if not (isinstance(module, str) and isinstance(name, str)):
            raise PlainPickleError("it is damaged: a name is not a string")
        self._stack.append(_Name(f"{module} {name}"))

    def reduce(self) -> None:
        """Handles a call, which must be one of the patterns of arrays."""
        arguments, function = self._pop(), self._pop()
        if not (isinstance(function, _Name) and isinstance(arguments, tuple)):
            raise PlainPickleError("it calls something that is not a name")
        made = _pattern(function.name, arguments)
        if isinstance(made, bytes):
            self._room -= len(made)
            if self._room < 0:
                raise PlainPickleError("its calls create more bytes than it has")
        self._stack.append(made)

    def build(self) -> None:
        """Handles the setting of an object's state: the byte order of a type, or an array."""
        state, target = self._pop(), self._pop()
        if isinstance(target, _NumberType):
            _set_byte_order(target, state)
            self._stack.append(target)
        elif isinstance(target, _UnfilledArray):
            array = _array(state)
            for place in target.remembered:
                self._memo[place] = array
            self._stack.append(array)
        else:
            raise PlainPickleError("it fills something that is not an array")

    def _pop(self) -> Any:  # noqa: ANN401 - the stack holds any plain value
        if not self._stack or self._stack[-1] is _MARK:
            raise PlainPickleError("it is damaged: a value is missing")
        return self._stack.pop()

    def _since_mark(self) -> list[Any]:
        values = []
        while self._stack and self._stack[-1] is not _MARK:
            values.append(self._stack.pop())
        if not self._stack:
            raise PlainPickleError("it is damaged: a mark is missing")
        self._stack.pop()
        return values[::-1]

    def _top(self, kind: type[Any]) -> Any:  # noqa: ANN401 - a list or a dict, as asked
        if not self._stack or type(self._stack[-1]) is not kind:
            raise PlainPickleError(f"it is damaged: there is no {kind.__name__} to fill")
        return self._stack[-1]

    def _fill(self, values: list[Any]) -> None:
        target = self._top(dict)
        if len(values) % 2:
            raise PlainPickleError("it is damaged: a key has no value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Hashing a tuple of tuples that share their elements can take exponential time.
            if not isinstance(key, str | bytes | int):
                raise PlainPickleError("a key is neither a string nor a number")
            target[key] = value

    def _remember(self, place: int) -> None:
        if not self._stack or self._stack[-1] is _MARK:
            raise PlainPickleError("it is damaged: there is nothing to store")
        value = self._stack[-1]
        self._memo[place] = value
        if isinstance(value, _UnfilledArray):
            value.remembered.append(place)


_PLAIN = (type(None), bool, int, float, str, bytes, list, tuple, dict, np.ndarray)
_CONSTANTS: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
}
_PYTHON_2_TEXTS = frozenset({"STRING", "BINSTRING", "SHORT_BINSTRING"})
_VALUES = _PYTHON_2_TEXTS | {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_ACTIONS: dict[str, Callable[[_Machine], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "LIST": _Machine.make_list,
    "TUPLE": _Machine.make_tuple,
    "DICT": _Machine.make_dict,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}


def _value(name: str, argument: Any) -> object:  # noqa: ANN401 - pickletools gives any
    if name in _PYTHON_2_TEXTS:
        return argument.encode("latin-1")
    if isinstance(argument, int) and argument.bit_length() > _MAX_INTEGER_BITS:
        raise PlainPickleError(f"a number has more than {_MAX_INTEGER_BITS} bits")
    value: object = argument
    return value


def _pattern(name: str, arguments: tuple[Any, ...]) -> object:
    """The value of a call of one of the known names."""
    if name == "_codecs encode" and len(arguments) in (1, 2):
        text, encoding = arguments[0], arguments[1:]
        if isinstance(text, str) and encoding in (("latin1",), (b"latin1",)):
            return text.encode("latin-1")
    elif name == "numpy dtype" and arguments:
        code = arguments[0]
        code = code.decode("latin-1") if isinstance(code, bytes) else code
        if isinstance(code, str):
            return _NumberType(code)
    elif name in _RECONSTRUCT and arguments:
        first = arguments[0]
        if isinstance(first, _Name) and first.name == "numpy ndarray":
            return _UnfilledArray()
    raise PlainPickleError(f"it calls {name.replace(' ', '.')} in an unknown way")


def _set_byte_order(target: _NumberType, state: object) -> None:
    """Reads the byte order from a type's state: version, order, and None for plain numbers."""
    if isinstance(state, tuple) and len(state) >= 5 and state[2:5] == (None, None, None):
        order = state[1].decode("latin-1") if isinstance(state[1], bytes) else state[1]
        if isinstance(order, str) and order in _ORDERS:
            target.dtype = target.dtype.newbyteorder(_ORDERS[order])
            return
    raise PlainPickleError("an array contains no plain numbers")


def _array(state: object) -> NDArray[Any]:
    """An array from its state: version, shape, type, whether in Fortran order, and bytes."""
    if not (isinstance(state, tuple) and len(state) == 5):
        raise PlainPickleError("an array is damaged")
    _, shape, number_type, columns_first, raw = state
    if not isinstance(number_type, _NumberType) or not isinstance(raw, bytes):
        raise PlainPickleError("an array contains no plain numbers")
    if not (
        isinstance(shape, tuple)
        and len(shape) <= _MAX_DIMENSIONS
        and all(type(side) is int and 0 <= side <= MAX_BYTES for side in shape)
        and math.prod(shape) * number_type.dtype.itemsize == len(raw)
    ):
        raise PlainPickleError("an array's shape and its bytes do not match")
    order: Any = "F" if columns_first else "C"
    return np.frombuffer(raw, number_type.dtype).reshape(shape, order=order)
