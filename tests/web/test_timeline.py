from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailroom.ledger.deliveries.timeline import Mark
from mailroom.ledger.states import STATE_WORDS, State
from mailroom.web.progress.timeline import MOST_BLOCKS, MOST_LANES, build
from mailroom.web.progress.timescale import Timescale, words

NOW = 1_700_000_000_000


def mark(
    number: int, begun: int, ended: int, worker: str = "host-1", session: int = 1, state: str = "sent"
) -> Mark:
    return Mark(worker, session, number, STATE_WORDS[state], NOW + begun, NOW + ended)


def test_nothing_is_drawn_before_anything_was_tried() -> None:
    assert build([]) is None


def test_two_sessions_share_five_slow_mails_as_in_the_article() -> None:
    marks = [
        mark(1, 0, 2000, session=1),
        mark(2, 0, 2000, session=2),
        mark(3, 2000, 4000, session=1),
        mark(4, 2000, 4000, session=2),
        mark(5, 4000, 6000, session=1),
    ]
    timeline = build(marks)
    assert timeline is not None
    assert [[block.number for block in lane.blocks] for lane in timeline.lanes] == [[1, 3, 5], [2, 4]]
    assert [lane.label for lane in timeline.lanes] == ["Worker A, session 1", "Worker A, session 2"]
    assert timeline.description == "worker A session 1 sent mails 1, 3, 5, worker A session 2 sent mails 2, 4"
    assert [tick.label for tick in timeline.ticks] == ["0", "2 s", "4 s"]
    assert [round(block.x) for block in timeline.lanes[0].blocks] == [0, 33, 67]


def test_workers_are_named_by_letters_in_the_order_in_which_they_began() -> None:
    timeline = build([mark(1, 50, 60, worker="late"), mark(2, 0, 10, worker="early")])
    assert timeline is not None
    assert timeline.workers == {"A": "early", "B": "late"}


def test_a_mail_that_took_no_time_can_still_be_seen() -> None:
    timeline = build([mark(1, 0, 0), mark(2, 1000, 1000)])
    assert timeline is not None
    assert all(block.width > 0 for block in timeline.lanes[0].blocks)


def test_many_mails_become_shares_of_time_with_the_worst_outcome_on_top() -> None:
    marks = [mark(i, i, i + 1, state="failed" if i == 5000 else "sent") for i in range(10_000)]
    timeline = build(marks)
    assert timeline is not None
    blocks = timeline.lanes[0].blocks
    assert len(blocks) <= MOST_BLOCKS
    assert [block.state for block in blocks].count(State.FAILED) == 1
    assert all(block.share == 1 for block in blocks)


def test_a_sample_stands_for_all() -> None:
    timeline = build([mark(i, i * 10, i * 10 + 1) for i in range(1500)], weight=5.0)
    assert timeline is not None
    assert timeline.sampled
    assert timeline.lanes[0].mails == 7500
    shares = [block.share for block in timeline.lanes[0].blocks]
    assert 0.45 < sum(shares) / len(shares) < 0.55  # 5 x 1 ms in every 10 ms


def test_more_lanes_than_fit_are_counted() -> None:
    timeline = build([mark(i, i, i + 5, session=i) for i in range(100)])
    assert timeline is not None
    assert len(timeline.lanes) == MOST_LANES
    assert timeline.hidden_lanes == 100 - MOST_LANES


def test_a_retry_an_hour_later_does_not_squeeze_the_rest() -> None:
    timeline = build([mark(1, 0, 2000), mark(2, 2000, 4000), mark(3, 3_600_000, 3_602_000)])
    assert timeline is not None
    assert [pause.label for pause in timeline.breaks] == ["59 min 56 s"]
    assert all(block.width > 25 for block in timeline.lanes[0].blocks)


def test_times_are_said_as_people_say_them() -> None:
    said = [words(n) for n in (0, 250, 1000, 1500, 90_000, 7_200_000)]
    assert said == ["0 ms", "250 ms", "1 s", "1.5 s", "1 min 30 s", "2 h"]


spans = st.lists(
    st.tuples(st.integers(0, 10**9), st.integers(0, 10**6)).map(lambda span: (span[0], span[0] + span[1])),
    min_size=1,
    max_size=60,
)


@given(spans)
def test_every_moment_has_its_place_in_order(found: list[tuple[int, int]]) -> None:
    scale = Timescale.over(found)
    places = [scale.place(moment) for moment in sorted(moment for span in found for moment in span)]
    assert places == sorted(places)
    assert places[0] >= 0 and places[-1] <= 100.001
    assert [tick.x for tick in scale.ticks()] == sorted(tick.x for tick in scale.ticks())
