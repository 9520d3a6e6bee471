"""What nobody wants to find, known without reading it: secrets, and what tools make for tools."""

from pathlib import Path
from typing import Literal

# Keys, passwords and where they are kept, where a dot does not hide them.
_SECRET = (
    *(".env", ".pem", ".key", ".p12", ".pfx", ".ppk", ".jks", ".keystore", ".kdbx", ".kdb"),
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "credentials.json", "_netrc"),
)
_SECRET_FOLDERS = {".ssh", ".aws", ".gnupg", ".git", ".kube", ".docker"}
# Every word of a project stands in them, and no answer.
_MADE = (
    *(".lock", ".lockb", "package-lock.json", "npm-shrinkwrap.json", "packages.lock.json"),
    *("pnpm-lock.yaml", "go.sum", "gradle.lockfile", ".min.js", ".min.mjs", ".min.css", ".map"),
    *("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", ".pb.go", ".pb.cc", ".pb.h"),
)
_PACKED = (".js", ".mjs", ".cjs", ".css")
_PACKED_BYTES, _LINE_BYTES, _LOOK_BYTES = 10_000, 2_000, 2**16


def unwanted(path: str, size: int) -> Literal["", "secret", "generated"]:
    """Why nobody wants it."""
    *above, name = path.lower().split("/")
    if name.endswith(_SECRET) or name.startswith(".env") or not _SECRET_FOLDERS.isdisjoint(above):
        return "secret"
    is_packed = name.endswith(_PACKED) and size > _PACKED_BYTES and _is_packed(path)
    return "generated" if is_packed or name.endswith(_MADE) else ""


def _is_packed(path: str) -> bool:
    """Are its lines so long that no person wrote them?"""
    try:
        with Path(path).open("rb") as file:
            head = file.read(_LOOK_BYTES)
    except OSError:  # who reads it will say why
        return False
    return len(head) > _LINE_BYTES * (head.count(b"\n") + 1)
