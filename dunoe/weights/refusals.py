"""What the outside says when it does not give us a file, put into words."""

import aiohttp
from yarl import URL

from dunoe.errors import EngineFailed, Forbidden, NotFound, Problem, Text, Unavailable
from dunoe.weights.header import BadModelFile


class Later(Exception):
    """The server asks for patience."""

    def __init__(self, status: int, after_s: float) -> None:
        super().__init__(f"HTTP {status}")
        self.after_s = after_s


def refusal(response: aiohttp.ClientResponse, label: str, *, had_token: bool) -> Problem | Later:
    """What a status other than success means."""
    status, host = response.status, response.url.host
    said = response.headers.get("X-Error-Code", "")
    if status in (408, 425, 429) or status >= 500:
        after = response.headers.get("Retry-After", "")
        return Later(status, float(after) if after.isdecimal() else 0.0)
    if said == "GatedRepo" or (status in (401, 403) and (said != "RepoNotFound" or had_token)):
        return Forbidden(
            Text(f"{host}이(가) 허락하지 않습니다: {label}", f"{host} does not allow it: {label}"),
            Text(
                "모델의 웹 페이지에서 이용 조건에 동의하고, 그 계정의 토큰을 HF_TOKEN이나 [hub] token에 적으세요.",
                "accept the terms on the model's page, and give the token of that account in HF_TOKEN or [hub] token.",
            ),
            code="gated",
        )
    if status in (401, 404, 410):  # the hub answers 401 for a repository that does not exist
        return NotFound(
            Text(f"{host}에 없습니다: {label}", f"{host} has no such file: {label}"),
            _MISSING.get(said, _MISSING[""]),
        )
    return EngineFailed(
        Text(
            f"{host}이(가) {status}(으)로 거절했습니다: {label}",
            f"{host} refused with {status}: {label}",
        ),
        Text("주소를 확인하거나 나중에 다시 하세요.", "check the address, or try again later."),
    )


_MISSING = {
    "": Text(
        "주소의 철자를 확인하세요 (대소문자도 구별합니다).",
        "check the spelling of the address (capital letters matter).",
    ),
    "RepoNotFound": Text(
        "소유자/저장소의 철자를 확인하세요. 비공개 저장소에는 토큰(HF_TOKEN)이 필요합니다.",
        "check the spelling of owner/repo; a private repository needs a token (HF_TOKEN).",
    ),
    "RevisionNotFound": Text(
        "@ 뒤의 판 이름을 확인하세요.", "check the revision's name after the @."
    ),
    "EntryNotFound": Text(
        "저장소는 있지만 그 파일이 없습니다. 저장소의 파일 목록에서 이름을 확인하세요.",
        "the repository is there, the file is not; look up its name in the list of files.",
    ),
}


def no_model(response: aiohttp.ClientResponse, label: str) -> BadModelFile:
    if "html" in response.headers.get("Content-Type", ""):
        return BadModelFile(
            Text(f"모델이 아니라 웹 페이지입니다: {label}", f"a web page, not a model: {label}"),
            Text(
                "페이지가 아니라 .gguf 파일 자체의 주소를 쓰세요.",
                "use the address of the .gguf file itself, not of its page.",
            ),
        )
    return BadModelFile(
        Text(f"GGUF 파일이 아닙니다: {label}", f"not a GGUF file: {label}"),
        Text(
            "이름이 .gguf로 끝나는 모델 파일을 고르세요.",
            "choose a model file whose name ends in .gguf.",
        ),
    )


def unreachable(exc: aiohttp.ClientConnectorError) -> Unavailable:
    """No connection at all: no network, no such host, nobody there, a certificate nobody trusts."""
    host = exc.host
    kinds: dict[type[Exception], tuple[Text, Text]] = {
        aiohttp.ClientConnectorDNSError: (
            Text(f"{host}을(를) 찾을 수 없습니다", f"cannot find {host}"),
            Text(
                "인터넷 연결과 주소의 철자를 확인하세요.",
                "check the network connection and the spelling of the address.",
            ),
        ),
        aiohttp.ClientSSLError: (
            Text(
                f"{host}의 인증서를 믿을 수 없습니다", f"the certificate of {host} is not trusted"
            ),
            Text(
                "이 컴퓨터의 시계와 인증서, 중간 프록시를 확인하세요.",
                "check this machine's clock and certificates, and any proxy between.",
            ),
        ),
    }
    for kind, (message, hint) in kinds.items():
        if isinstance(exc, kind):
            return Unavailable(message, hint, code="no_network")
    return Unavailable(
        Text(f"{host}에 연결할 수 없습니다", f"cannot connect to {host}"),
        Text(
            "인터넷 연결과 방화벽을 확인하고 다시 하세요.",
            "check the network connection and the firewall, then try again.",
        ),
        code="no_network",
    )


def lost(url: URL, have: int | None, size: int | None) -> Unavailable:
    """The connection was lost too often; with bytes that have arrived."""
    ko = en = ""
    if have is not None and size is not None:
        ko = f" ({size:,}바이트 중 {have:,}바이트를 받았습니다)"
        en = f" ({have:,} of {size:,} bytes have arrived)"
    return Unavailable(
        Text(f"{url.host}와(과)의 연결이 끊겼습니다{ko}", f"lost the connection to {url.host}{en}"),
        Text(
            "연결을 확인하고 같은 명령을 다시 하세요. 받은 곳부터 이어집니다.",
            "check the connection and give the same command again; it goes on from there.",
        ),
        code="connection_lost",
    )
