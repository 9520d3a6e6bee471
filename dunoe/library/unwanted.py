"""What nobody wants to find, known by its name or its first bytes: secrets, and what tools make for tools."""

import re
from fnmatch import translate
from pathlib import Path
from typing import Literal

# Keys, passwords and where they are kept, where a dot does not hide them.
_SECRETS = (
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.ppk", "*.jks", "*.keystore", "*.kdbx", "*.kdb"),
    *("*id_rsa", "*id_dsa", "*id_ecdsa", "*id_ed25519", "*credentials.json", "*_netrc"),
    *("*htpasswd", ".env*", "*.env", "*.env.*", "*kubeconfig", "*.tfstate", "*.tfstate.*"),
    *("*secrets.yaml", "*secrets.yml", "*secrets.toml", "*secrets.json", "service-account*.json"),
)
_SECRET = re.compile("|".join(map(translate, _SECRETS)))
_SECRET_FOLDERS = {".ssh", ".aws", ".gnupg", ".git", ".kube", ".docker"}
# Every word of a project stands in them, and no answer.
_MADE = (
    *(".lock", ".lockb", "package-lock.json", "npm-shrinkwrap.json", "packages.lock.json"),
    *("pnpm-lock.yaml", "go.sum", "gradle.lockfile", ".min.js", ".min.mjs", ".min.css", ".map"),
    *("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", ".pb.go", ".pb.cc", ".pb.h"),
)
# As a line of its own, or in quotes as JSON has it; whoever writes about keys puts more around it.
_KEY = re.compile(rb'(^[^\w"\n]*|")-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----(\s|\\)', re.M)
_PACKED = (".js", ".mjs", ".cjs", ".css")
_PACKED_BYTES, _LINE_BYTES, _LOOK_BYTES, _FIRST_BYTES = 10_000, 2_000, 2**16, 2**11


def unwanted(path: str, size: int) -> Literal["", "secret", "generated"]:
    """Why nobody wants it."""
    *above, name = path.lower().split("/")
    if _SECRET.match(name) or not _SECRET_FOLDERS.isdisjoint(above):
        return "secret"
    is_packed = name.endswith(_PACKED) and size > _PACKED_BYTES and _is_packed(path)
    return "generated" if is_packed or name.endswith(_MADE) else ""


def is_key(data: bytes) -> bool:
    """Does a private key begin in the first lines of this text? In UTF-16, too."""
    return _KEY.search(data[:_FIRST_BYTES].replace(b"\0", b"")) is not None


def _is_packed(path: str) -> bool:
    """Are its lines so long that no person wrote them?"""
    try:
        with Path(path).open("rb") as file:
            head = file.read(_LOOK_BYTES)
    except OSError:  # who reads it will say why
        return False
    return len(head) > _LINE_BYTES * (head.count(b"\n") + 1)
