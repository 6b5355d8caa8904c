"""What a client leaves unsaid is what the command and Python do."""

from tintype.engine.settings import Settings
from tintype.web.wish import wish_of, wish_of_query


def test_nothing_said_is_the_default_of_every_door() -> None:
    assert wish_of({}).settings == Settings()
    assert wish_of_query({}, []).settings == Settings()


def test_a_quality_that_is_said_is_obeyed() -> None:
    assert wish_of({"quality": "normal"}).settings == Settings(quality="normal")
