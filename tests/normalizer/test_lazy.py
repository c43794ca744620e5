"""A lazy property computes once, for each object by itself."""

from __future__ import annotations

from errnorm.lazy import lazy


class Counted:
    def __init__(self) -> None:
        self.computed = 0

    @lazy
    def value(self) -> list[int]:
        """The value."""
        self.computed += 1
        return [self.computed]


def test_it_is_computed_on_first_use_and_kept_for_each_object() -> None:
    one, other = Counted(), Counted()
    assert one.computed == 0
    assert one.value is one.value
    assert (one.computed, other.computed, other.value) == (1, 0, [1])


def test_the_class_shows_the_description() -> None:
    assert Counted.value.__doc__ == "The value."
