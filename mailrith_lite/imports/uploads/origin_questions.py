"""Questions about the file as it was sent: which file of an archive, and how bytes that are not UTF-8 are read."""

from collections.abc import Iterable

from mailrith_lite.imports.uploads import encodings, file_names
from mailrith_lite.imports.uploads.archives import ArchivedFile
from mailrith_lite.imports.uploads.originals import Origin
from mailrith_lite.imports.uploads.questions import Answer, ImportPiece, Question


def find_origin_questions(origin: Origin) -> Iterable[Question]:
    """An import without the answers is refused."""
    if len(origin.files) > 1:
        yield Question(
            code="several_files",
            text="The archive contains several CSV files. Which one should be imported?",
            answers=[_take(file) for file in origin.files],
        )
    if origin.wrong_lines:
        lines = ", ".join(map(str, origin.wrong_lines))
        count = "1 byte is not" if origin.wrong_bytes == 1 else f"{origin.wrong_bytes:,} bytes are not"
        others = " and others" if len(origin.wrong_lines) == encodings.MAX_LINES else ""
        yield Question(
            code="mixed_encoding",
            text=f"The file is UTF-8, but {count}, on line {lines}{others}. How should they be read?",
            answers=[
                Answer(
                    label="As letters of windows-1252; the rest stays UTF-8",
                    value="windows-1252",
                    request=ImportPiece(encoding="utf-8, windows-1252"),
                )
            ],
        )


def _take(file: ArchivedFile) -> Answer:
    """Takes this file, with the status in its name, such as `unsubscribed_members.csv`."""
    status = file_names.status_of_file(file.name)
    label = f"{file.name} ({file.size:,} bytes)" + (f", everybody {status}" if status else "")
    return Answer(label=label, value=file.name, request=ImportPiece(file=file.name, status=status))
