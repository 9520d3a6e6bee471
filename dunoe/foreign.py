"""What others say of an error, in both of our languages: the system of a file or a connection, pydantic of JSON."""

import errno
import os
import re
import socket

from pydantic_core import ErrorDetails

from dunoe.errors import Text

_SYSTEM = {
    errno.ENOENT: "그런 파일이나 폴더가 없습니다",
    errno.ENOTDIR: "폴더가 아닙니다",
    errno.EISDIR: "폴더입니다",
    errno.EEXIST: "이미 있습니다",
    errno.ENOTEMPTY: "폴더가 비어 있지 않습니다",
    errno.EACCES: "권한이 없습니다",
    errno.EPERM: "허용되지 않은 일입니다",
    errno.EROFS: "읽기 전용 디스크입니다",
    errno.ENOSPC: "디스크가 가득 찼습니다",
    errno.EDQUOT: "디스크 할당량을 다 썼습니다",
    errno.EFBIG: "파일이 너무 큽니다",
    errno.EIO: "디스크가 읽거나 쓰지 못합니다",
    errno.ENXIO: "그런 장치가 없습니다",
    errno.ENODEV: "그런 장치가 없습니다",
    errno.EBUSY: "다른 데서 쓰고 있습니다",
    errno.ETXTBSY: "실행 중인 파일입니다",
    errno.ESTALE: "네트워크 드라이브가 끊겼습니다",
    errno.ELOOP: "링크가 돌고 돕니다",
    errno.ENAMETOOLONG: "이름이 너무 깁니다",
    errno.EXDEV: "다른 디스크에 있습니다",
    errno.EMFILE: "열린 파일이 너무 많습니다",
    errno.ENFILE: "열린 파일이 너무 많습니다",
    errno.ENOMEM: "메모리가 모자랍니다",
    errno.EPIPE: "상대가 연결을 닫았습니다",
    errno.ECONNREFUSED: "연결을 거부했습니다",
    errno.ECONNRESET: "상대가 연결을 끊었습니다",
    errno.ECONNABORTED: "연결이 끊겼습니다",
    errno.ETIMEDOUT: "시간 안에 답이 없습니다",
    errno.EHOSTUNREACH: "그 컴퓨터에 닿을 수 없습니다",
    errno.ENETUNREACH: "그 네트워크에 닿을 수 없습니다",
    errno.EADDRINUSE: "이미 쓰이는 주소입니다",
    errno.EADDRNOTAVAIL: "이 컴퓨터의 주소가 아닙니다",
}
_NUMBER = re.compile(r"\[Errno (\d+)\]")
_NO_NAME = Text("그런 이름의 컴퓨터를 찾을 수 없습니다", "there is no machine of that name")

_JSON = {  # pydantic's error types; {braces} are filled from the error's own context
    "missing": "꼭 필요합니다",
    "json_invalid": "JSON이 아닙니다",
    "string_type": "문자열이어야 합니다",
    "string_too_short": "비어 있을 수 없습니다",
    "string_too_long": "{max_length}자 이하여야 합니다",
    "int_type": "정수여야 합니다",
    "int_parsing": "정수여야 합니다",
    "int_parsing_size": "너무 큰 정수입니다",
    "int_from_float": "정수여야 합니다",
    "float_type": "숫자여야 합니다",
    "float_parsing": "숫자여야 합니다",
    "finite_number": "유한한 숫자여야 합니다",
    "bool_type": "true 또는 false여야 합니다",
    "bool_parsing": "true 또는 false여야 합니다",
    "list_type": "목록이어야 합니다",
    "dict_type": "객체여야 합니다",
    "model_type": "객체여야 합니다",
    "model_attributes_type": "객체여야 합니다",
    "too_short": "비어 있을 수 없습니다",
    "extra_forbidden": "모르는 이름입니다",
    "literal_error": "{expected} 중 하나여야 합니다",
    "greater_than_equal": "{ge} 이상이어야 합니다",
    "less_than_equal": "{le} 이하여야 합니다",
}


def reason(exc: OSError) -> Text:
    """Why the system refused."""
    if isinstance(exc, socket.gaierror):
        return _NO_NAME
    found = _NUMBER.search(str(exc))  # of several addresses that refused, that of the first
    number = exc.errno or (int(found[1]) if found else 0)
    if not number:
        return Text(str(exc), str(exc))
    english = os.strerror(number)
    return Text(_SYSTEM.get(number, f"시스템 오류 {number}: {english}"), english)


def mistake(error: ErrorDetails) -> Text:
    """What is wrong with a value of JSON."""
    limits = {key: str(one).replace(" or ", ", ") for key, one in error.get("ctx", {}).items()}
    korean = _JSON.get(error["type"], "형식이 다릅니다")
    return Text(korean.format(**limits), error["msg"])
