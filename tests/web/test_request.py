"""What a client leaves unsaid is what the command and Python do."""

from tintype.engine.settings import Settings
from tintype.web.request import coloring_from, coloring_from_query


def test_nothing_said_is_the_default_of_every_door() -> None:
    assert coloring_from({}).settings == Settings()
    assert coloring_from_query({}, []).settings == Settings()


def test_a_quality_that_is_said_is_obeyed() -> None:
    assert coloring_from({"quality": "normal"}).settings == Settings(quality="normal")
