"""Which files there are: ignore rules, links, and names that nobody would choose."""

import os
from pathlib import Path

import pytest

from dunoe.errors import Misconfigured
from dunoe.library.folders import Rules, Walk, is_below, is_of_interest, written
from dunoe.library.own import Own


def grow(root: Path, *paths: str) -> None:
    """Make these files, each with a letter in it."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")


def seen(root: Path, rules: Rules | None = None, under: list[str] | None = None) -> list[str]:
    """What a walk finds, from the folder down."""
    scan = Walk(rules or Rules(), under).look([str(root)])
    assert scan.untold == []
    return sorted(path[len(str(root)) + 1 :] for path, one in scan.files.items() if not one.why_not)


def unread(root: Path, *others: Path) -> dict[str, str]:
    """What a walk finds and says not to open, and why."""
    scan = Walk(Rules()).look([str(root), *map(str, others)])
    return {
        path[len(str(root)) + 1 :]: one.why_not
        for path, one in scan.files.items()
        if one.why_not and is_below(path, str(root))
    }


def test_files_are_found_with_size_and_time(tmp_path: Path) -> None:
    grow(tmp_path, "a.md", "sub/b.md")
    found = Walk(Rules()).look([str(tmp_path)]).files[str(tmp_path / "sub/b.md")]
    status = (tmp_path / "sub/b.md").stat()
    assert (found.path, found.folder) == (str(tmp_path / "sub/b.md"), str(tmp_path))
    assert (found.size, found.mtime_ns, found.name) == (1, status.st_mtime_ns, "b.md")


def test_hidden_things_junk_and_passing_files_are_left_out(tmp_path: Path) -> None:
    grow(tmp_path, "a.md", ".env", ".git/config", "x/node_modules/b.md", "x/__pycache__/c.pyc")
    grow(tmp_path, ".venv/d.md", "~$report.docx", "e.md~", "f.tmp", "g.crdownload", ".a.md.swp")
    assert seen(tmp_path) == ["a.md"]


def test_what_nobody_needs_to_open_is_seen_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.md").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere.md").symlink_to(tmp_path / "gone.md")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert seen(tmp_path) == []
    assert unread(tmp_path) == {
        "empty.md": "empty_file",
        "pipe": "no_file",
        "nowhere.md": "link_broken",
        "self": "link_broken",
    }


MADE = (
    *("yarn.lock", "bun.lockb", "web/package-lock.json", "go.sum"),
    *("web/app.min.js", "web/app.d.ts.map", "rpc/schema_pb2.py", "rpc/schema.pb.go"),
)


def test_what_tools_make_for_tools_is_skipped_and_said(tmp_path: Path) -> None:
    grow(tmp_path, "lock.md", "map.json", "min.js", *MADE)
    assert seen(tmp_path) == ["lock.md", "map.json", "min.js"]
    assert unread(tmp_path) == dict.fromkeys(MADE, "generated")


def test_an_ignore_file_of_ours_brings_back_what_a_tool_has_made(tmp_path: Path) -> None:
    grow(tmp_path, *MADE)
    (tmp_path / ".gitignore").write_text("!go.sum\n")  # this is said to git
    (tmp_path / ".dunoeignore").write_text("!*.lock\n!app.min.js\n")
    assert seen(tmp_path) == ["web/app.min.js", "yarn.lock"]


def test_code_that_is_one_long_line_was_made_by_a_tool(tmp_path: Path) -> None:
    packed = "/* licence */\n" + "function a(){return 1};" * 4000
    for name in ("bundle.js", "style.css", "essay.md"):
        (tmp_path / name).write_text(packed)
    (tmp_path / "written.js").write_text("function a() {\n  return 1;\n}\n" * 4000)
    assert seen(tmp_path) == ["essay.md", "written.js"]
    (tmp_path / ".dunoeignore").write_text("!bundle.js\n")
    assert seen(tmp_path) == ["bundle.js", "essay.md", "written.js"]


SECRETS = (
    *("server.pem", "tls/server.key", "tls/ID_RSA", "prod.env", "vault.kdbx", "prod.env.local"),
    *("secrets.yaml", "app/Secrets.toml", "client_secrets.json", "service-account-prod.json"),
    *("kubeconfig", "terraform.tfstate", "terraform.tfstate.backup", "web/htpasswd"),
)
NAMED_ALIKE = ("environment.md", "key.md", "secrets.md", "service-account.md", "tfstate.md")


def test_secrets_are_skipped_and_said_unless_somebody_wants_them(tmp_path: Path) -> None:
    grow(tmp_path, ".env", ".ssh/id_rsa", *NAMED_ALIKE, *SECRETS)
    (tmp_path / "notes.md").symlink_to(".env")
    assert seen(tmp_path) == [*NAMED_ALIKE]
    assert unread(tmp_path) == dict.fromkeys([*SECRETS, "notes.md"], "secret")
    (tmp_path / ".gitignore").write_text("!*.key\n")
    (tmp_path / ".dunoeignore").write_text("!server.pem\n")
    assert seen(tmp_path) == sorted([*NAMED_ALIKE, "server.pem"])


def test_a_folder_of_secrets_has_none_that_may_be_read(tmp_path: Path) -> None:
    grow(tmp_path, ".ssh/config", ".ssh/known_hosts")
    assert seen(tmp_path / ".ssh") == []


def test_what_is_ours_is_not_read_however_it_is_reached(tmp_path: Path) -> None:
    grow(tmp_path, "ws/a.md", "ws/data/local.key.md", "ws/data/models/b.md", "dunoe.toml")
    ws, data = tmp_path / "ws", tmp_path / "ws/data"
    (ws / "folder").symlink_to(data / "models")
    (ws / "file.md").symlink_to(data / "local.key.md")
    (ws / "twin.md").hardlink_to(data / "local.key.md")
    (ws / "dunoe.toml").symlink_to(tmp_path / "dunoe.toml")
    rules = Rules(own=Own([data, tmp_path / "dunoe.toml"]))
    scan = Walk(rules).look([str(ws), str(data), str(ws / "folder")])
    why = {path.removeprefix(f"{ws}/"): one.why_not for path, one in scan.files.items()}
    own = ("data", "folder", "file.md", "twin.md", "dunoe.toml")
    assert why == {"a.md": "", **dict.fromkeys(own, "own")}


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ({".gitignore": "*.log\n"}, "a.md sub/b.md"),
        ({".dunoeignore": "sub/\n"}, "a.log a.md"),
        ({".gitignore": "*.log", ".dunoeignore": "!a.log"}, "a.log a.md sub/b.md"),
        ({".gitignore": "/b.md\n"}, "a.log a.md sub/b.log sub/b.md"),
        ({"sub/.gitignore": "/b.md\n"}, "a.log a.md sub/b.log"),
        ({".gitignore": "*.log", "sub/.gitignore": "!b.log"}, "a.md sub/b.log sub/b.md"),
        ({".gitignore": "sub", "sub/.gitignore": "!b.md"}, "a.log a.md"),
        ({".gitignore": "# *.md\n\n!\n[z-a]\n*.log\r\n"}, "a.md sub/b.md"),
        ({".gitignore": "*\n!*.md\n!sub/\n"}, "a.md sub/b.md"),
        ({".gitignore": "*\n!*.md\n"}, "a.md"),
        ({".gitignore": "sub/**\n!sub/b.md"}, "a.log a.md sub/b.md"),
        ({".gitignore": "sub/\n!sub/b.md"}, "a.log a.md"),
        ({".gitignore": "*/\n"}, "a.log a.md"),
    ],
)
def test_ignore_files_are_read_as_git_does(
    tmp_path: Path, ignore: dict[str, str], left: str
) -> None:
    grow(tmp_path, "a.md", "a.log", "sub/b.md", "sub/b.log")
    for name, text in ignore.items():
        (tmp_path / name).write_text(text)
    assert seen(tmp_path) == left.split()


def test_the_settings_say_what_is_read_and_what_is_not(tmp_path: Path) -> None:
    grow(tmp_path, "a.md", "b.txt", "drafts/c.md", "reports/2024/d.pdf", "e.pdf")
    rules = Rules(include=["*.md", "reports/**/*.pdf"], exclude=["drafts/"])
    assert seen(tmp_path, rules) == ["a.md", "reports/2024/d.pdf"]


def test_a_glob_that_is_none_is_refused_with_its_key() -> None:
    with pytest.raises(Misconfigured, match="exclude") as refused:
        Rules(exclude=["[z-a]"])
    assert "[z-a]" in refused.value.message.ko


def test_links_that_loop_end(tmp_path: Path) -> None:
    grow(tmp_path, "a/b/c.md")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    (tmp_path / "a/top").symlink_to(tmp_path)
    assert seen(tmp_path) == ["a/b/c.md"]


def test_what_a_link_leads_to_is_read_once_under_its_own_name(tmp_path: Path) -> None:
    root = tmp_path / "root"
    grow(root, "z/real.md", ".hidden/o.md")
    (root / "a").symlink_to(root / "z")
    (root / "b.md").symlink_to(root / "z/real.md")
    (root / "in").symlink_to(root / ".hidden")
    (root / "in2").symlink_to(root / ".hidden")
    assert seen(root) == ["in/o.md", "z/real.md"]


def test_a_link_that_leads_out_is_told_and_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    grow(root, "a.md")
    grow(outside, "o.md", "secret.md")
    (root / "out").symlink_to(outside)
    (root / "key.md").symlink_to(outside / "secret.md")
    (root / "up").symlink_to(tmp_path)
    assert seen(root) == ["a.md"]
    assert unread(root) == {"out": "link_out", "key.md": "link_out", "up": "link_out"}


def test_a_link_to_another_library_folder_is_read_there(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    grow(root, "a.md")
    grow(other, "o.md")
    (root / "there").symlink_to(other)
    (root / "o.md").symlink_to(other / "o.md")
    scan = Walk(Rules()).look([str(root), str(other)])
    assert sorted(scan.files) == [str(other / "o.md"), str(root / "a.md")]


def test_a_library_folder_may_be_a_link_itself(tmp_path: Path) -> None:
    grow(tmp_path, "real/a.md")
    (tmp_path / "real/again.md").symlink_to(tmp_path / "real/a.md")
    (tmp_path / "named").symlink_to(tmp_path / "real")
    assert seen(tmp_path / "named") == ["a.md"]


def test_folders_within_folders_are_read_once(tmp_path: Path) -> None:
    grow(tmp_path, "a.md", "sub/b.md")
    scan = Walk(Rules()).look([str(tmp_path), str(tmp_path / "sub")])
    assert [one.folder for one in scan.files.values()] == [str(tmp_path)] * 2


def test_a_single_file_may_be_a_library_folder(tmp_path: Path) -> None:
    grow(tmp_path, "a.md", "b.md")
    assert list(Walk(Rules()).look([str(tmp_path / "a.md")]).files) == [str(tmp_path / "a.md")]


def test_a_name_that_is_no_utf8_is_written_so_that_it_can_be_shown(tmp_path: Path) -> None:
    grow(tmp_path, os.fsdecode(b"caf\xe9.md"))
    scan = Walk(Rules()).look([str(tmp_path)])
    ((name, found),) = scan.files.items()
    assert name == f"{tmp_path}/caf\\xe9.md" == written(found.path)
    assert os.fsencode(found.path) == os.fsencode(tmp_path) + b"/caf\xe9.md"


def test_a_folder_that_would_not_tell_is_told(tmp_path: Path) -> None:
    scan = Walk(Rules()).look([str(tmp_path / "gone")])
    (untold,) = scan.untold
    assert untold.path == str(tmp_path / "gone")
    assert not scan.is_told(str(tmp_path / "gone" / "a.md"))
    assert scan.is_told(str(tmp_path / "gone.md"))


def test_a_folder_that_vanishes_under_the_walk_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(tmp_path, "a/b.md", "c.md")
    scandir = os.scandir

    def vanishing(path: str) -> object:
        if path == str(tmp_path):
            return scandir(path)
        (tmp_path / "a/b.md").unlink(missing_ok=True)
        (tmp_path / "a").rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert seen(tmp_path) == ["c.md"]


def test_a_walk_may_look_at_a_part_alone(tmp_path: Path) -> None:
    grow(tmp_path, "a.md", "sub/b.md", "sub/deep/c.md", "sub/d.log")
    (tmp_path / ".gitignore").write_text("*.log")
    assert seen(tmp_path, under=[str(tmp_path / "sub")]) == ["sub/b.md", "sub/deep/c.md"]
    assert seen(tmp_path, under=[str(tmp_path / "sub/d.log")]) == []
    assert seen(tmp_path, under=[str(tmp_path / "a.md")]) == ["a.md"]


@pytest.mark.parametrize(
    ("path", "is_wanted"),
    [
        ("/n/a.md", True),
        ("/n", True),
        ("/n/.git/index", False),
        ("/n/.gitignore", True),
        ("/n/sub/.dunoeignore", True),
        ("/n/.hidden/.gitignore", False),
        ("/n/node_modules/x/a.md", False),
        ("/n/a.md~", False),
    ],
)
def test_changes_that_no_walk_would_see_are_of_no_interest(path: str, is_wanted: bool) -> None:
    assert is_of_interest(path, "/n") is is_wanted
