"""Methods and filters that values of several types have."""

from dunoe.weights.jinja.builtins.arguments import Args, counted, named
from dunoe.weights.jinja.meter import ELEMENT, Fault
from dunoe.weights.jinja.printing import JsonStyle, json_text, plain
from dunoe.weights.jinja.runtime import Run
from dunoe.weights.jinja.values import UNDEFINED, Keyword, kind


def default_method(run: Run, args: Args) -> object:
    """The other value in the place of nothing."""
    counted(args, 2, 3)
    value = args[0]
    absent = value is UNDEFINED or value is None
    if named(args, "boolean", 2):
        absent = not value
    given = args[1]
    return (given.value if isinstance(given, Keyword) else given) if absent else value


def tojson(run: Run, args: Args) -> object:
    """JSON, as llama.cpp writes it."""
    counted(args, 1, 5)
    if run.trace is not None:
        run.trace.use_all(args[0])
    indent = named(args, "indent", 2)
    if named(args, "sort_keys", 4):
        raise Fault("llama.cpp has no tojson with sort_keys")
    separators = named(args, "separators", 3)
    given = [plain(one, run.meter) for one in separators] if isinstance(separators, list) else []
    level = indent if isinstance(indent, int) and not isinstance(indent, bool) else None
    if level is not None and level < 0:
        level = None
    style = JsonStyle(
        indent=level,
        item_end=given[0] if given else (b", " if level is None else b","),
        key_end=given[1] if len(given) > 1 else b": ",
        ascii_only=bool(named(args, "ensure_ascii", 1)),
    )
    return json_text(args[0], run.meter, style)


def string(run: Run, args: Args) -> object:
    """The text of any value."""
    if run.trace is not None:
        run.trace.use_all(args[0])
    return plain(args[0], run.meter)


def slice_of(run: Run, value: object, start: object, stop: object, step: object) -> object:
    """`value[start:stop:step]`; UNDEFINED for what is left out."""
    bounds: list[int | None] = []
    for bound in (start, stop, step):
        if bound is UNDEFINED:
            bounds.append(None)
        elif isinstance(bound, int) and not isinstance(bound, bool):
            bounds.append(bound)
        else:
            raise Fault(f"a slice wants whole numbers, not {kind(bound)}")
    if bounds[2] == 0:
        raise Fault("slice step cannot be zero")
    cut = slice(*bounds)
    if isinstance(value, bytes):
        run.meter.make(len(value))
        return value[cut]
    if isinstance(value, list | tuple):
        run.meter.make(len(value) * ELEMENT)
        return value[cut]
    raise Fault(f"{kind(value)} has no slices")
