"""Terms: what of a text can be found."""

import os
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunoe.library import terms
from dunoe.library.terms import Terms, read


def morphemes(text: str) -> list[int]:
    """The words of a text, one behind the other."""
    return read(text).words


def whole(name: str) -> int:
    """The number of a name by itself."""
    (only,) = read(name).names
    return only


def everything(found: Terms) -> set[int]:
    """All its terms, whatever their kind."""
    return {term for kind in found for term in kind}


def test_particles_and_endings_are_dropped() -> None:
    assert morphemes("두뇌는 자료를 찾았습니다.") == morphemes("두뇌 자료 찾다")


def test_a_sentence_without_spaces_has_the_words_of_one_with_spaces() -> None:
    assert set(morphemes("조건부 기초생활 제도를 알려주세요")) <= set(
        morphemes("조건부기초생활제도를알려주세요")
    )


def test_a_compound_is_found_however_it_is_spaced() -> None:
    apart, together = read("산정 특례 등록"), read("산정특례등록")
    assert set(apart.pairs) == set(together.pairs)
    assert len(together.pairs) == 5


def test_words_on_two_sides_of_a_comma_are_no_compound() -> None:
    assert set(read("산정, 특례").pairs) < set(read("산정 특례").pairs)
    assert set(read("산정 (특례").pairs) < set(read("산정 특례").pairs)


def test_a_file_of_one_line_without_spaces_is_found_by_its_pairs_and_never_read_by_kiwi(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """15 MB of it took Kiwi longer than a file may take, and everybody waited."""
    monkeypatch.setattr(terms, "_kiwi", lambda: pytest.fail("Kiwi was asked"))
    found = read("산정특례등록을신청하고" * 100)
    assert not found.words
    monkeypatch.undo()
    assert set(read("산정 특례 등록").pairs) <= set(found.pairs)


def test_particles_are_in_no_pair() -> None:
    assert read("제도를 등록은").pairs == read("제도").pairs + read("등록").pairs


def test_quotes_and_emphasis_inside_a_word_do_not_matter() -> None:
    assert read("**소득**을 '제도'는 「등록」의") == read("소득을 제도는 등록의")


@pytest.mark.parametrize("name", ["getUserName", "get_user_name", "get-user-name", "GETUSERNAME"])
def test_an_identifier_is_found_in_every_spelling(name: str) -> None:
    assert whole(name) == whole("getusername")


@pytest.mark.parametrize(
    "name", ["getUserName", "get_user_name", "get-user-name", "obj.getUserName"]
)
def test_an_identifier_is_found_by_its_words(name: str) -> None:
    assert set(read("get user name").names) <= set(read(name).parts)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("오류 E0308이 납니다", "E0308"),
        ("컴파일러 오류 C2065를", "C2065"),
        ("error[E0308]: mismatched", "E0308"),
        ("`std::vector<int>::push_back`을 부른다", "push_back"),
        ("dunoe/library/terms.py에", "dunoe/library/terms.py"),
        ("C:\\work\\main.rs", "work/main.rs"),
        ("C++로 짠다", "C++"),
        ("C#은", "C#"),
        ("GPT-4o는", "gpt4o"),
        ("1,000,000원", "1000000"),
        ("원주율 3.14의", "3.14"),
        ("foo#bar", "bar"),
        ("ＡＰＩ를", "api"),
        ("caches", "cache"),
        ("queries", "query"),
    ],
)
def test_a_name_is_found_as_a_whole(text: str, name: str) -> None:
    found = read(text)
    assert whole(name) in found.names + found.parts


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("dunoe/library/terms.py", "terms.py"),
        ("dunoe/library/terms.py", "library"),
        ("std::vec::Vec", "vec.Vec"),
        ("C2065", "2065"),
        ("HTTPServer", "http"),
        ("utf8_decode", "utf8decode"),
    ],
)
def test_a_longer_name_is_found_by_its_parts(path: str, part: str) -> None:
    assert whole(part) in everything(read(path))


def test_plus_and_sharp_make_another_language() -> None:
    assert len({whole(name) for name in ("C", "C++", "C#", "F#")}) == 4


def test_what_is_no_plural_keeps_its_s() -> None:
    assert whole("class") != whole("clas")
    assert whole("status") != whole("statu")


def test_other_scripts_are_found() -> None:
    assert read("Привет мир").names == [whole("привет"), whole("МИР")]
    assert set(read("漢字").pairs) <= set(read("한자(漢字)는 쓴다").pairs)
    assert len(read("東京タワー").pairs) == 4


def test_composed_and_decomposed_hangul_are_the_same() -> None:
    text = "두뇌는 자료를 찾습니다"
    assert read(unicodedata.normalize("NFD", text)) == read(text)


@pytest.mark.parametrize(
    "text", ["", " \n\t", "...", "---- ** ##", "ㅋㅋㅋ", "\x00", "\u2028", "😀"]
)
def test_a_text_of_nothing_has_no_terms(text: str) -> None:
    assert read(text) == Terms([], [], [], [])


@pytest.mark.parametrize(
    "noise", ["\x00", "\ud800", "\u2028", "\u200b", "\ufeff", "😀", "\x1b[0m "]
)
def test_noise_between_words_does_no_harm(noise: str) -> None:
    assert morphemes(f"자료를 {noise} 찾습니다") == morphemes("자료를 찾습니다")


@pytest.mark.parametrize("letter", ["a", "_", ".", "/", "a_", "漢", "a/b::", "9"])
def test_a_line_of_a_million_characters_is_read(letter: str) -> None:
    read(letter * (1_000_000 // len(letter)))


def test_korean_without_any_space_is_read() -> None:
    assert set(morphemes("자료를찾습니다" * 30)) >= set(morphemes("자료를 찾습니다"))


@given(st.text(st.characters(), max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_can_be_read(text: str) -> None:
    assert all(0 <= term < 2**32 for kind in read(text) for term in kind)


def test_kinds_do_not_share_numbers() -> None:
    found = read("자료 자료를 찾는 data 漢字")
    words, pairs, names, _ = map(set, found)
    assert not words & pairs
    assert not (words | pairs) & names


def test_a_word_is_the_same_whether_it_is_remembered_or_not() -> None:
    terms._remembered.cache_clear()
    first = read("기억한 낱말은 `getUserName`과 같다")
    assert read("기억한 낱말은 `getUserName`과 같다") == first


def test_numbers_are_the_same_in_every_process() -> None:
    """An index outlives the process that filled it."""
    text = "두뇌는 E0308과 snake_case를 찾는다"
    program = (
        f"from dunoe.library.terms import read; print([list(kind) for kind in read({text!r})])"
    )
    there = subprocess.run(  # another seed: Python's own hash would differ
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert there.stdout.strip() == str([list(kind) for kind in read(text)])


def test_numbers_do_not_change_between_versions() -> None:
    """A change here needs a new `terms.VERSION`, or indexes are asked for terms they do not have."""
    found = read("두뇌는 E0308을 찾는다")
    assert terms.VERSION == 1
    assert found == Terms([1876101336, 2163009845], [1775957462], [4088142513], [3244430132])


def test_threads_may_read_at_once() -> None:
    texts = [f"자료 {n}번을 찾는 사람은 {n * 7}명입니다" for n in range(200)]
    alone = [read(text) for text in texts]
    terms._remembered.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, texts)) == alone


def test_a_forked_process_reads_with_the_kiwi_of_its_parent() -> None:
    """Reading workers are forked from one that has loaded it, so that all of them share its 300 MB."""
    program = """
import os
from dunoe.library import terms
terms.warm()
child = os.fork()
if not child:
    os._exit(0 if terms.read("자료를 찾습니다").words else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
