"""A person's own judged questions: which section of which file answers them, one JSON object a line in the home."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from dunoe.errors import BadRequest, Misconfigured, NotFound, Text

FILE = "judged.jsonl"


class Judged(BaseModel):
    """One question. file: absolute; heading: of the section that answers, empty for the whole document."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    question: str
    file: str
    heading: str = ""

    @property
    def answer(self) -> str:
        """As a person writes it."""
        return f"{self.file}#{self.heading}" if self.heading else self.file


class JudgedFile:
    """The questions of one home, in the order in which they were added."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def all(self) -> list[Judged]:
        """Every question; raises Misconfigured for a file that somebody spoiled."""
        if not self._path.exists():
            return []
        found = []
        with self._path.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    found.append(Judged.model_validate_json(line))
                except ValidationError as exc:
                    raise Misconfigured(
                        Text(
                            f"{self._path}:{number}: 읽을 수 없는 줄입니다",
                            f"{self._path}:{number}: this line makes no sense",
                        ),
                        Text("그 줄을 지우거나 고치세요.", "delete the line, or put it right."),
                    ) from exc
        return found

    def add(self, one: Judged) -> None:
        """Add a question, or give it another answer."""
        self._write([*(old for old in self.all() if old.question != one.question), one])

    def remove(self, number: int) -> Judged:
        """Take out the question of that number, counted from 1; raises NotFound."""
        found = self.all()
        if not 1 <= number <= len(found):
            raise NotFound(
                Text(f"{number}번 질문이 없습니다", f"there is no question {number}"),
                Text("번호는 `dunoe eval list`에 있습니다.", "see `dunoe eval list`."),
            )
        gone = found.pop(number - 1)
        self._write(found)
        return gone

    def _write(self, questions: list[Judged]) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        draft.write_text("".join(f"{one.model_dump_json()}\n" for one in questions), "utf-8")
        draft.replace(self._path)


def split(said: str) -> tuple[Path, str]:
    """File and heading of `FILE#heading`; either may have a # of its own. Raises BadRequest where no file is."""
    parts = said.split("#")
    for count in range(len(parts), 0, -1):
        path = Path("#".join(parts[:count])).expanduser().absolute()
        if path.is_file():
            return path, "#".join(parts[count:]).strip(" #")
    raise BadRequest(
        Text(f"파일이 없습니다: {parts[0]}", f"there is no file {parts[0]}"),
        Text(
            "답이 있는 곳을 `파일#제목`으로 쓰세요. 예: notes/react.md#Hooks",
            "say where the answer stands as FILE#heading, such as notes/react.md#Hooks",
        ),
    )
