"""Who shares the card: what the owner's plan hoped for, what is so, and how the seats are divided."""

from dataclasses import replace

import pytest

from dunoe.portfolio.entries import Seating, entry
from dunoe.portfolio.memory import RESERVE, load_for, of_card, of_ram
from dunoe.portfolio.plan import Candidate, Placed, Plan, candidates, plan, told
from dunoe.portfolio.profiles import profile, profiles
from dunoe.weights.memory.footprint import Share

GIB = 2**30
BRAIN = "r1-14b"
ROUTER = "llama-3.2-3b"
AMPLE = of_ram(256 * GIB)


def seat(model: str, context: int, role: Seating | None = None, **more: object) -> Candidate:
    one = entry(model)
    load = replace(load_for(one.mode, context), **more)  # type: ignore[arg-type]  # fields of a Load
    return Candidate(one.title, one.header(), load, (role,) if role else ())


def places(planned: Plan) -> list[str]:
    return [one.place for one in planned.seats]


def test_router_and_14b_at_16k_do_not_share_16_gb_but_at_8k_they_do() -> None:
    at_16k, at_8k = (
        plan([seat(BRAIN, context), seat(ROUTER, 2_048)], of_card(16 * GIB), AMPLE)
        for context in (16_384, 8_192)
    )

    assert places(at_16k) == ["turns", "turns"]
    assert places(at_8k) == ["stays", "stays"]
    assert (at_16k.together[0].first_context, at_16k.together[0].second_context) == (8_192, 8_192)


def test_two_14bs_never_share_16_gb() -> None:
    planned = plan([seat(BRAIN, 8_192), seat("qwen2.5-coder-14b", 8_192)], of_card(16 * GIB), AMPLE)

    assert planned.together[0].first_context == 0
    assert places(planned) == ["turns", "turns"]


def test_the_small_one_that_every_question_needs_stays_beside_those_who_take_turns() -> None:
    planned = plan(
        [
            seat(BRAIN, 8_192, "brain"),
            seat("qwen2.5-coder-14b", 8_192, "coder"),
            seat(ROUTER, 2_048, "router"),
        ],
        of_card(16 * GIB),
        AMPLE,
    )

    assert places(planned) == ["turns", "turns", "stays"]
    assert planned.stays + planned.turns + planned.free == planned.room == 16 * GIB - RESERVE
    assert planned.free >= 0


def test_a_context_is_never_longer_than_the_model_was_trained_on() -> None:
    (eeve,) = plan([seat("eeve-10.8b", 16_384)], of_card(16 * GIB), AMPLE).seats

    assert (eeve.wanted, eeve.context) == (16_384, 4_096)


def test_what_a_card_cannot_hold_is_shortened_and_what_it_cannot_hold_at_all_is_said() -> None:
    short, nowhere = (
        plan([seat(BRAIN, 131_072)], of_card(size * GIB), AMPLE).seats[0] for size in (12, 6)
    )

    assert 1_024 <= short.context == short.alone < 131_072
    assert short.takes.card <= 12 * GIB - RESERVE
    longer = short.candidate.at(short.context + 256)
    assert longer.card > 12 * GIB - RESERVE, "the longest that fits, and no shorter"
    assert nowhere.place == "nowhere"


def test_without_a_card_everything_is_in_ram() -> None:
    planned = plan([seat(BRAIN, 8_192), seat(ROUTER, 2_048)], of_card(0), AMPLE)

    assert places(planned) == ["ram", "ram"]
    assert all(one.takes.card == 0 < one.takes.host for one in planned.seats)


def test_what_ram_cannot_hold_is_nowhere_and_what_it_cannot_hold_together_takes_turns() -> None:
    """All of them stood there as "RAM", whatever there was of it."""
    ram = of_ram(32 * GIB)
    large = plan([seat("qwen3.5-35b-a3b", 8_192), seat(BRAIN, 8_192)], of_card(0), ram)
    both = plan([seat(BRAIN, 8_192), seat("qwen2.5-coder-14b", 8_192)], of_card(0), ram)
    small = plan([seat(BRAIN, 2_048), seat(ROUTER, 2_048)], of_card(0), ram)

    assert places(large) == ["nowhere", "ram"]
    assert large.seats[0].size > ram.room
    assert places(both) == ["ram_turns", "ram_turns"]
    assert both.in_ram == max(one.size for one in both.seats) <= ram.room
    assert places(small) == ["ram", "ram"]
    assert small.in_ram == sum(one.size for one in small.seats)


def test_who_is_meant_for_ram_shares_it_beside_a_full_card() -> None:
    beside = replace(seat("qwen3.5-27b", 8_192), is_for_ram=True)
    planned = plan([seat(BRAIN, 8_192), beside], of_card(16 * GIB), of_ram(16 * GIB))

    assert places(planned) == ["stays", "nowhere"]
    assert told(planned)["ram"] - told(planned)["ram_reserve"] == 12 * GIB


def test_a_context_in_ram_is_as_long_as_ram_allows() -> None:
    ram = of_ram(24 * GIB)
    (one,) = plan([seat(BRAIN, 131_072)], of_card(0), ram).seats

    assert 1_024 <= one.context == one.alone < 131_072
    assert one.size <= ram.room < one.candidate.at(one.context + 256).host


def test_what_was_measured_elsewhere_says_nothing_of_this_card() -> None:
    """Loaded by a processor once: on a card the same model takes what is reckoned, not nothing."""
    reckoned = seat(BRAIN, 8_192)
    in_ram = replace(reckoned, measured=Share(host=10 * GIB))

    (on_card,) = plan([in_ram], of_card(16 * GIB), AMPLE).seats
    (without,) = plan([in_ram], of_card(0), AMPLE).seats

    assert (on_card.basis, on_card.takes) == ("reckoned", reckoned.at(8_192))
    assert (without.basis, without.size) == ("measured", 10 * GIB)


def test_a_smaller_cache_type_gives_a_longer_context() -> None:
    f16 = plan([seat(BRAIN, 131_072)], of_card(16 * GIB), AMPLE).seats[0].context
    q8 = plan([seat(BRAIN, 131_072, kv_type="q8_0")], of_card(16 * GIB), AMPLE).seats[0].context

    assert 1.7 < q8 / f16 < 1.95  # 34 bytes for 32 numbers instead of 64, less what else grows


@pytest.mark.parametrize("name", [one.name for one in profiles()])
def test_every_profile_fits_the_card_it_is_for(name: str) -> None:
    chosen = profile(name)
    planned = plan(candidates(chosen), of_card(chosen.vram or 0), AMPLE)

    assert "nowhere" not in places(planned)
    assert planned.free >= 0
    assert told(planned)["stays"] == planned.stays


def test_the_models_proposed_for_a_card_hold_their_contexts() -> None:
    for chosen in profiles():
        if chosen.is_offered:
            for one in plan(candidates(chosen), of_card(chosen.vram or 0), AMPLE).seats:
                assert one.context == one.wanted, (chosen.name, one.candidate.name)


def test_a_pair_is_told_no_context_that_one_of_them_cannot_have() -> None:
    (pair,) = plan(
        [seat("eeve-10.8b", 4_096), seat(ROUTER, 2_048)], of_card(16 * GIB), AMPLE
    ).together

    assert pair.first_context == 4_096 < pair.second_context


def test_many_models_are_divided_in_a_moment() -> None:
    """All divisions of forty would be a million millions."""
    planned = plan([seat(ROUTER, 2_048) for _ in range(40)], of_card(16 * GIB), AMPLE)

    assert 0 < planned.stays + planned.turns <= planned.room
    assert places(planned).count("stays") == 2


def test_what_was_measured_wins_in_a_plan() -> None:
    reckoned = seat(BRAIN, 8_192)
    measured = replace(reckoned, measured=Share(9 * GIB, GIB))

    (one,) = plan([measured], of_card(16 * GIB), AMPLE).seats

    assert one.takes.total == 10 * GIB
    assert one.takes.card == 9 * GIB + one.takes.overhead.card
    assert one.takes.kv == reckoned.at(8_192).kv


def test_where_a_figure_comes_from_is_told() -> None:
    reckoned = seat(BRAIN, 8_192)
    measured = replace(reckoned, measured=Share(9 * GIB, GIB))
    other = {**reckoned.header.metadata, "general.architecture": "of-tomorrow"}
    rough = replace(reckoned, header=replace(reckoned.header, metadata=other))

    for one, basis in ((reckoned, "reckoned"), (measured, "measured"), (rough, "rough")):
        assert Placed(one, "turns", 8_192, 8_192, 8_192, reckoned.at(8_192)).basis == basis
    shorter = Placed(measured, "turns", 8_192, 4_096, 4_096, reckoned.at(4_096))
    assert shorter.basis == "reckoned"  # it was another load


def test_small_models_that_both_fit_are_told_to_share() -> None:
    (pair,) = plan(
        [seat("e5-large", 512), seat("e5-large", 512)], of_card(16 * GIB), AMPLE
    ).together

    assert (pair.first_context, pair.second_context) == (512, 512)


def test_the_longest_context_of_a_model_that_embeds_is_the_one_it_can_have() -> None:
    """Its batch is its context, so that what it takes grows with it."""
    short, long = (
        plan([seat("bge-m3", context)], of_card(2 * GIB), AMPLE).seats[0]
        for context in (512, 8_192)
    )

    assert short.alone == long.alone
