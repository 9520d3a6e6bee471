"""What a rendering did with the values it was given: how we learn what a template can."""


class Trace:
    """Which values were looked at, and how. Values are known by identity: they must outlive these trace."""

    def __init__(self) -> None:
        self._ways: dict[int, set[str]] = {}

    def use(self, value: object, way: str | None = None) -> None:
        """The value was read, or handed to a method, a loop or a test of that name."""
        ways = self._ways.setdefault(id(value), set())
        if way is not None:
            ways.add(way)

    def use_all(self, value: object) -> None:
        """The value and all that is in it were read. Each is visited once: values may hold one another."""
        waiting, seen = [value], set[int]()
        while waiting:
            one = waiting.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            self.use(one)
            if isinstance(one, dict):
                waiting += [*one.keys(), *one.values()]
            elif isinstance(one, list | tuple):
                waiting += one

    def used(self, value: object) -> bool:
        """Whether it was read at all."""
        return id(value) in self._ways

    def ways(self, value: object) -> set[str]:
        """Methods, loops and tests it went through."""
        return self._ways.get(id(value), set())
