"""
Does the simulation find what it is for? Each mutant is the server with one mistake: some text of its
source is replaced, the server is built with it, and histories are run until one fails.

    make simulate-mutants                            all of them
    make simulate-mutants MUTANTS='name other-name'  these

A text is looked for in all of src, so that a mutant survives its file's move. One that is not there,
or more than once, is an error: then the mutant has to follow the source.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

SOURCE = pathlib.Path(os.environ["TCPACK_SRCDIR"])
BUILD = pathlib.Path(os.environ["TCPACK_BUILDDIR"])
WORK = pathlib.Path("simulation-mutants")
SECONDS = int(os.environ.get("MUTANT_SECONDS", "60"))

# Name: what is replaced by what. White space in the texts stands for any white space.
MUTANTS = {
    "no-sync": [
        ("while (fdatasync(journal->file.fd) != 0)", "while (false)"),
    ],
    "answer-before-commit": [
        ("round_commit(server); round_answer(server);",
         "round_answer(server); round_commit(server);"),
    ],
    "sync-error-ignored": [
        ("journal->file.regular && !sync_file(journal))",
         "journal->file.regular && !sync_file(journal) && false)"),
    ],
    "unsynced-batch-left": [
        ("if (!note_torn(journal, journal->batch.size) || !cut_back(journal)) {",
         "if (journal == NULL) {"),
    ],
    "short-write-taken": [
        ("break; written += (size_t)count; } return written;",
         "break; written = journal->batch.size; } return written;"),
    ],
    "torn-not-cut": [
        ("|| ftruncate(journal->file.fd, end) != 0)", ")"),
    ],
    "refused-batch-answered": [
        ("answer->size = 0; if (answer->messages == 0) continue;",
         "if (answer->messages == 0) continue;"),
    ],
    "folder-not-synced": [
        ("bool synced = fd >= 0 && fsync(fd) == 0;", "bool synced = fd >= 0;"),
    ],
    "number-reused": [
        ("return note->reserved; }", "return last_record; }"),
    ],
    "number-note-not-synced": [
        ("|| fsync(fd) == 0", "|| fd >= 0"),
    ],
    "recovery-of-last-line": [
        ("else if (memcmp(time, its, sizeof time) != 0 && *begin <= enough) return true;",
         "else return true;"),
    ],
    "no-recovery": [
        ("if (status.st_size > 0 && !recover(file, path, status.st_size, synced, problem)) "
         "return false;",
         "(void)recover; (void)synced;"),
    ],
    "no-look-after-attaching": [
        ("add_state(readiness, fd, ATTACHED | WATCHED); "
         "add_found(readiness, fd, FOUND_READ | FOUND_MORE);",
         "add_state(readiness, fd, ATTACHED | WATCHED);"),
    ],
    "lost-signals-ignored": [
        ("if (lost) add_all_watched(readiness);", "(void)add_all_watched;"),
    ],
    "local-not-recorded": [
        ("taken->refused = !connection->admitted && !admit_proxy(server, connection); "
         "taken->unrecorded = !taken->refused && !record(server, connection, frame, &seq);",
         "bool real = !connection->admitted; seq = 1; "
         "taken->refused = real && !admit_proxy(server, connection); "
         "taken->unrecorded = !taken->refused && !real && "
         "!record(server, connection, frame, &seq);"),
    ],
    "reply-twice": [
        ("const char *rest = (const char *)replies + count;",
         "const char *rest = (const char *)replies + count - (count > 0);"),
    ],
    "stop-before-answer": [
        ("round_commit(server); round_answer(server);",
         "round_commit(server); if (!server->stopping) round_answer(server);"),
    ],
    "stop-without-parting": [
        ("if (server->status == EX_OK) part(server);", "(void)part;"),
    ],
    "deny-ignored": [
        ("return !network_list_has(&settings->deny, name) &&", "return"),
    ],
    "descriptor-leak": [
        ("settings_release(connection->settings->all); (void)close(connection->fd);",
         "settings_release(connection->settings->all);"),
    ],
    "memory-leak": [
        ("buffer_free(&connection->in); buffer_free(&connection->out); free(connection);",
         "buffer_free(&connection->in); free(connection);"),
    ],
    "short-read-is-all": [
        ("connection->undrained = errno == EINTR || holds_bytes(connection);",
         "connection->undrained = false; (void)holds_bytes;"),
    ],
    "accepting-stays-paused": [
        ("accepting.again = again;", "accepting.again = DEADLINE_NEVER; (void)again;"),
    ],
    "rest-of-burst-forgotten": [
        ("connection->more = taken.result == FRAMING_MESSAGE && left > 0;",
         "connection->more = false;"),
    ],
}


def find(text, sources):
    """The one file that has the text, and where in it."""
    pattern = re.compile(r"\s+".join(re.escape(word) for word in text.split()))
    found = [(path, match) for path, source in sources.items()
             for match in pattern.finditer(source)]
    if len(found) != 1:
        sys.exit(f"mutants.py: found {len(found)} times in src, not once: {text}")
    return found[0]


def write(name, replacements):
    """The sources that the mutant changes, in a folder of its own."""
    sources = {path: path.read_text() for path in sorted(SOURCE.glob("src/**/*.c"))}
    folder = BUILD / WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    changed = set()
    for old, new in replacements:
        path, match = find(old, sources)
        source = sources[path]
        sources[path] = source[:match.start()] + new + source[match.end():]
        changed.add(path)
    for path in changed:
        (folder / path.name).write_text(sources[path])
    return folder


def build(name):
    command = ["make", "--silent", f"MUTANT={WORK / name}", str(WORK / name / "simulate")]
    made = subprocess.run(command, cwd=BUILD, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        sys.exit(f"mutants.py: {name} does not build:\n{made.stdout}{made.stderr}")


def is_found(name, folder):
    begin = time.monotonic()
    ran = subprocess.run(
        [folder / "simulate", "--seed", "1", "--seconds", str(SECONDS), "--failures", "1",
         "--terse"],
        capture_output=True, text=True, check=False)
    passed = time.monotonic() - begin
    lines = (ran.stdout + ran.stderr).strip().splitlines() or ["it said nothing"]
    verdict = f"found in {passed:.2f} s" if ran.returncode != 0 else f"SURVIVES {passed:.0f} s"
    print(f"{name:24} {verdict}: {lines[0]}", flush=True)
    return ran.returncode != 0


def main():
    names = sys.argv[1:] or list(MUTANTS)
    survivors = 0
    for name in names:
        folder = write(name, MUTANTS[name])
        build(name)
        survivors += not is_found(name, folder)
    print(f"{len(names)} mutants, {survivors} survive")
    sys.exit(survivors > 0)


if __name__ == "__main__":
    main()
