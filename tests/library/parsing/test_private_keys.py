"""Text that is a private key is not read, whatever its file is called."""

import pytest

from dunoe.library.parsing.parse import parse
from dunoe.library.unreadable import Unreadable


@pytest.mark.parametrize(
    "key",
    [
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\n",
        "내 서버\r\n  -----BEGIN RSA PRIVATE KEY-----\r\nMIIEpAIBAAKCAQEA\r\n",
        '{\n  "type": "x",\n  "private_key": "-----BEGIN PRIVATE KEY-----\\nMIIEvg\\n"\n}\n',
        '{"a": 1, "key": "-----BEGIN EC PRIVATE KEY-----\\\\nMHcCAQ\\\\n"}',
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_private_key_in_the_first_lines_is_a_secret(key: str, encoding: str) -> None:
    with pytest.raises(Unreadable) as raised:
        parse(key.encode(encoding), "서버.md")
    assert raised.value.code == "secret"


@pytest.mark.parametrize(
    "text",
    [
        "`-----BEGIN PRIVATE KEY-----`로 시작하는 파일은 개인 열쇠이다.",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBg\n",
        "-----BEGIN CERTIFICATE-----\nMIIBIjANBg\n",
    ],
)
def test_what_speaks_of_keys_or_is_public_is_read(text: str) -> None:
    assert parse(text.encode(), "글.md").text == text
