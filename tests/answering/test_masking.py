"""What belongs to somebody is hidden when it is asked for, and nothing else."""

import pytest

from dunoe.answering.masking import Veil, masked, masked_candidates, masked_json
from tests.answering.making import candidate, document


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("주민등록번호: 900101-1234567입니다", "주민등록번호: ******-*******입니다"),
        ("9001011234567", "*************"),
        ("외국인 850312 \u2013 5123456", "외국인 ****** \u2013 *******"),
        ("전화 010-1234-5678.", "전화 ***-****-****."),
        ("01012345678로", "***********로"),
        ("(02) 123-4567", "(**) ***-****"),
        ("031.123.4567", "***.***.****"),
        ("\uff10\uff11\uff10-\uff11\uff12\uff13\uff14-\uff15\uff16\uff17\uff18", "***-****-****"),
        ("+82 10-1234-5678", "+** **-****-****"),
        ("OPENAI_API_KEY=sk-proj-abcDEF123456ghiJKL789", "OPENAI_API_KEY=" + "*" * 29),
        ("토큰은 ghp_abcdefghijklmnop1234 입니다", "토큰은 ************************ 입니다"),
        ("AKIAIOSFODNN7EXAMPLE", "*" * 20),
        ("Authorization: Bearer abcdefghij0123456789", "Authorization: Bearer " + "*" * 20),
        ('password = "hunter2!x"', 'password = "**********"'.replace("*" * 10, "*" * 9)),
        ("비밀번호: qwer1234", "비밀번호: ********"),
        ("비밀번호는 hunter2입니다", "비밀번호는 *******입니다"),
        ("password = correcthorsebattery", "password = " + "*" * 19),
        ('api_key: "abcdefABCDEF"', 'api_key: "************"'),
    ],
)
def test_it_is_hidden(text: str, hidden: str) -> None:
    assert masked(text) == hidden
    assert len(masked(text)) == len(text)


def test_a_private_key_is_hidden_to_its_end_or_as_far_as_it_goes() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow+/a=\n-----END RSA PRIVATE KEY-----"
    for text in (f"앞 {key} 뒤", f"앞 {key[:45]}"):
        assert "MIIE" not in masked(text)
        assert masked(text).startswith("앞 ")
    told = "파일은 -----BEGIN PRIVATE KEY-----로 시작합니다. 그다음 줄부터 내용입니다."
    assert masked(told) == told


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23 10:20:30에 1,234,567원을 보냈다",
        "대표 전화 1588-1234, 우편번호 06236, 제2026-1234567호",
        "token = get_token()  # password: 문자열",
        "token = self.settings_of_the_server.token; password: str = required",
        "비밀번호는 8자 이상이고 영문과 숫자를 섞습니다. 암호는 Argon2로 저장합니다.",
        "UUID 550e8400-e29b-41d4-a716-446655440000, 버전 10.0.22631.4460, 192.168.0.100",
        "ISBN 978-89-6848-000-1, 사업자등록번호 123-45-67890, 계좌는 은행에",
        "task-list-of-many-words, disk-usage, desk_2024_report_final",
        "let key: HashMap<String, Vec<u8>> = HashMap::new();",
    ],
)
def test_what_belongs_to_nobody_stays(text: str) -> None:
    assert masked(text) == text


def test_a_number_between_two_passages_is_hidden_in_both() -> None:
    one = candidate(document("a", ["연락처는 010-12", "34-5678이고", " 끝."]), 0)
    (hidden,) = masked_candidates([one])
    assert [leaf.part.text for leaf in hidden.leaves] == ["연락처는 ***-**", "**-****이고", " 끝."]
    assert hidden.position == one.position


TOLD = (
    "전화는 010-1234-5678입니다. 비밀번호는 hunter2입니다.\n"
    "주민등록번호는 900101-1234567이고 끝. 사무실은 (02) 123-4567"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_text_that_comes_in_pieces_is_hidden_as_a_whole_one_is(size: int) -> None:
    veil = Veil()
    pieces = [veil.feed(TOLD[at : at + size]) for at in range(0, len(TOLD), size)]
    assert "".join([*pieces, veil.close()]) == masked(TOLD)


def test_a_sentence_that_has_ended_does_not_wait() -> None:
    veil = Veil()
    assert veil.feed("전화는 010-") == ""
    assert veil.feed("1234-5678입니다. 팩스는 02") == "전화는 ***-****-****입니다. "


def test_every_text_of_a_reply_is_hidden_and_no_id() -> None:
    number, id_ = "010-1234-5678", "0a1b2c3d-0212-4567-8901-020212345678"
    reply = {"sources": [{"file": f"{number}.md", "document_id": id_}], "n": 3, "error": None}
    found = masked_json(reply)
    assert found == {
        "sources": [{"file": "***-****-****.md", "document_id": id_}],
        "n": 3,
        "error": None,
    }
