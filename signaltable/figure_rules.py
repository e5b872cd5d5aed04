"""How figures are made safe to show: policies/figures.toml, its shape, and what does not fit in it. Pure."""

from typing import Annotated, Final

from pydantic import Field

from signaltable.shape import Line, Shape

FILE: Final = "figures.toml"
# A set of rules that was kept before this file existed shows figures as carefully as the shipped one.
USUAL: Final = 10
USUAL_MONTHS: Final = 24


class FiguresFile(Shape):
    """figures.toml. Fewer than `smallest` of anything is never told; the picture goes back so many `months`."""

    smallest: Annotated[int, Field(ge=5, le=1000)]
    months: Annotated[int, Field(ge=1, le=120)]
    source: Line
