"""
Does the simulation find what it is for? Each mutant is the server, or the client, with one mistake: some text
of its source is replaced, the program is built with it, and histories are run until one fails.

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
        ("while (fdatasync(self->file.fd) != 0)", "while (false)"),
    ],
    "answer-before-commit": [
        ("round_commit(server); round_answer(server); trace_round(server);",
         "round_answer(server); round_commit(server); trace_round(server);"),
        ("if (!server->recording.committing && journal_batch(server->recording.journal).messages == 0)",
         "if (true)"),
    ],
    "sync-error-ignored": [
        ("self->file.regular && !sync_file(self))",
         "self->file.regular && !sync_file(self) && false)"),
    ],
    "unsynced-batch-left": [
        ("if (note_torn(self, self->batch.size) && cut_back(self) &&",
         "if (self == NULL &&"),
    ],
    "short-write-taken": [
        ("break; written += (size_t)count; } return written;",
         "break; written = self->batch.size; } return written;"),
    ],
    "last-seq-not-noted": [
        ("if (!journal_seq_written(&self->numbers, self->seq, &self->problem))",
         "if (self == NULL)"),
    ],
    "torn-not-cut": [
        ("|| ftruncate(fd, end) != 0)", ")"),
    ],
    "refused-batch-answered": [
        ("answer->size = 0; if (answer->messages == 0) continue;",
         "if (answer->messages == 0) continue;"),
        ("answer->begin = answers->replies.size; explain_append(answers,",
         "if (!answer->connection->settings->config->explain) continue; "
         "answer->begin = answers->replies.size; explain_append(answers,"),
    ],
    "stopped-batch-answered": [
        ("server->stopping = true; answers_take_back(&server->committing);",
         "server->stopping = true;"),
    ],
    "stop-waits-for-pipe": [
        ("if (!stop_asked) return -1; int64_t now", "if (stop_asked >= 0) return -1; int64_t now"),
    ],
    "pipe-written-to-as-it-is": [
        ("stream->kind = own >= 0 ? STREAM_OWN : STREAM_GUARDED; stream->fd = own >= 0 ? own : fd;",
         "if (own >= 0) (void)close(own);"),
    ],
    "health-check-of-refused-round": [
        ("answer->size = 0; if (answer->messages == 0) continue;",
         "if (answer->messages == 0) continue; answer->size = 0;"),
    ],
    "health-check-recorded": [
        ("if (is_health_check(connection, frame)) {",
         "if (is_health_check(connection, frame) && connection->fd % 2 == 0) {"),
    ],
    "deletion-unnoticed": [
        ("return fstat(self->file.fd, &status) == 0 ? status.st_nlink > 0 : errno != ESTALE;",
         "return fstat(self->file.fd, &status) == 0 ? status.st_size >= 0 : errno != ESTALE;"),
    ],
    "emptied-journal-counts-anew": [
        ("if (same_file && last_record == 0 && note->last == note->from && same_boot)",
         "if (same_file && last_record == 0 && same_boot)"),
    ],
    "last-commit-not-settled": [
        ("if (recovered && running)", "if (recovered && running && source.size == 0)"),
    ],
    "socket-left": [
        ("return is_ours(&name, file) && unlink(name.sun_path) == 0;",
         "return is_ours(&name, file);"),
    ],
    "stale-socket-refused": [
        ("stale = connect(fd, (const struct sockaddr *)&address->storage, address->size) != 0 && "
         "errno == ECONNREFUSED;",
         "stale = connect(fd, (const struct sockaddr *)&address->storage, address->size) == 0;"),
    ],
    "lost-socket-unnoticed": [
        ("return !is_ours(&name, file) && errno == ENOENT;",
         "return !is_ours(&name, file) && errno == EACCES;"),
    ],
    "one-too-many-of-address": [
        ("peer_counts_of(&server->peers, &connection->key) >= limit",
         "peer_counts_of(&server->peers, &connection->key) > limit"),
    ],
    "refused-for-nothing": [
        ("if (!is_wanted(connection) || connection->out.size > 0) return;",
         "if (connection->out.size > 0) return;"),
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
        ("else if (memcmp(time, line.time, sizeof time) != 0 && *begin <= enough) return true;",
         "else return true;"),
    ],
    "no-recovery": [
        ("if (status.st_size > 0 && !recover(file, path, status.st_size, note.running, synced, "
         "problem)) return false;",
         "(void)recover; (void)synced;"),
    ],
    "no-look-after-attaching": [
        ("add_state(readiness, fd, ATTACHED | WATCHED); "
         "add_found(readiness, fd, FOUND_READ | FOUND_MORE);",
         "add_state(readiness, fd, ATTACHED | WATCHED);"),
    ],
    "lost-signals-ignored": [
        ("if (lost) readiness->look_left = readiness->size;", "(void)lost;"),
    ],
    "waits-for-room-that-is-there": [
        ("if (writing && connection->roomy) readiness_write_again(server->readiness, connection->fd);",
         ""),
    ],
    "room-not-noticed": [
        ("if ((state & WATCHED_WRITE) != 0 && !event->data_only && !event->urgent) "
         "add_found(readiness, event->fd, FOUND_WRITE);", ""),
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
        ("round_commit(server); round_answer(server); trace_round(server);",
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

# The same for the client.
CLIENT_MUTANTS = {
    "client-reply-twice": [
        ("if (result == FRAMING_MESSAGE || result == FRAMING_CONTROL) "
         "replies->begin += reply->consumed;",
         "static unsigned replied; if (result == FRAMING_MESSAGE && ++replied % 16 != 0) "
         "replies->begin += reply->consumed;"),
    ],
    "client-last-not-resent": [
        ("window->sent = window->begin; window->allowed = 0; window->allowed_end = window->begin;",
         "window->allowed = sent == 1 && rest == 0 && window->count == 1; "
         "window->sent = window->begin + (window->allowed ? window->ring[window->first].size : 0); "
         "window->allowed_end = window->sent;"),
    ],
    "client-all-but-first-resent": [
        ("window->sent = window->begin; window->allowed = 0; window->allowed_end = window->begin;",
         "window->allowed = sent > 1; "
         "window->sent = window->begin + (window->allowed ? window->ring[window->first].size : 0); "
         "window->allowed_end = window->sent;"),
    ],
    "client-bare-reply-to-long-message": [
        ("if (exchange->replies.mode == REPLIES_BARE && !is_in_one_piece(exchange)) "
         "return lost_in_doubt(exchange);", ""),
    ],
    "client-bare-reply-at-once": [
        ("return (has_bare_reply(exchange) && exchange->replies.mode == REPLIES_UNDECIDED) || "
         "is_in_doubt(exchange);", "return exchange == NULL;"),
    ],
    "client-own-peer": [
        ("if (address_port(&own) < 0 || !address_equal(&own, &peer)) return true;",
         "if (own.size > 0) return true;"),
    ],
    "client-own-peer-unknown": [
        ("return false; /* unknown: it must not be taken for a server */", "return true;"),
    ],
    "client-whole-window-resent": [
        ("if (count > limit) count = limit; return count <",
         "count = exchange->settings.window + limit; return count <"),
    ],
    "client-relp-number-ignored": [
        ("if (txnr != 0 && reply->ending != txnr)", "if (txnr == UINT64_MAX)"),
    ],
    "client-early-reply-taken": [
        ("while (window_awaits(&exchange->window)) {", "while (exchange->window.count > 0) {"),
    ],
    "client-loss-is-reply": [
        ("exchange->refused = window_sent_one(&exchange->window); if (error == 0)",
         "struct frame reply = {0}; "
         "if (window_awaits(&exchange->window) && !acknowledge(exchange, &reply, 0, now_us)) "
         "return OUTCOME_FAILED; if (error == 0)"),
    ],
    "client-no-timeout": [
        ("if (exchange->window.count > 0 && exchange->settings.timeout_us > 0)",
         "if (exchange->window.count > 100000)"),
    ],
    "client-replies-of-before": [
        ("replies->bytes.size = 0; replies->begin = 0; replies->state = (struct framing_state){0};",
         ""),
    ],
    "client-signal-ignored": [
        ("switch (wait_set_wait(&transfer->wait_set, due_us)) { case WAIT_SIGNAL: "
         "return signals_interrupt() != 0 ? OUTCOME_INTERRUPTED : OUTCOME_DONE;",
         "switch (wait_set_wait(&transfer->wait_set, due_us)) { case WAIT_SIGNAL: "
         "return OUTCOME_DONE;"),
    ],
    "client-output-waits": [
        ("if (wait_set_can_write(&transfer->wait_set, transfer->output.fd) && "
         "!write_output(transfer))",
         "if (output_pending(&transfer->output) > 0 && !write_output(transfer))"),
    ],
    "client-short-write-taken": [
        ("output->begin += (size_t)written;", "output->begin += size;"),
    ],
    "client-short-send-taken": [
        ("window_advance(&exchange->window, (size_t)sent);",
         "window_advance(&exchange->window, size);"),
    ],
    "client-gives-up": [
        ("if (!retry->resend || retry->failed >= retry->retries) return false;",
         "if (!retry->resend || retry->failed >= 2) return false;"),
    ],
    "client-position-too-late": [
        ("numbering->unsaved = true;", "numbering->unsaved = numbered.number % 7 != 0;"),
    ],
    "client-position-too-early": [
        ("position->number = numbered.number;", "position->number = numbered.number + 1;"),
    ],
    "client-unfinished-message-sent": [
        ("transfer->lines.whole = settings->position != NULL;",
         "transfer->lines.whole = false;"),
    ],
    "client-resumes-too-late": [
        ("return window->count > 0 ? window->ring[window->first].line : transfer->next_line;",
         "(void)window; return transfer->next_line;"),
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


def changed(replacements):
    """The sources that the mutant changes, by path."""
    before = {path: path.read_text() for path in sorted(SOURCE.glob("src/**/*.c"))}
    sources = dict(before)
    for old, new in replacements:
        path, match = find(old, sources)
        source = sources[path]
        sources[path] = source[:match.start()] + new + source[match.end():]
    return {path: text for path, text in sources.items() if text != before[path]}


def write(name, replacements):
    """The same in a folder of its own."""
    folder = BUILD / WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, text in changed(replacements).items():
        (folder / path.name).write_text(text)
    return folder


def build(name, program):
    command = ["make", "--silent", f"MUTANT={WORK / name}", str(WORK / name / program)]
    made = subprocess.run(command, cwd=BUILD, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        sys.exit(f"mutants.py: {name} does not build:\n{made.stdout}{made.stderr}")


def is_found(name, program):
    begin = time.monotonic()
    ran = subprocess.run(
        [program, "--seed", "1", "--seconds", str(SECONDS), "--failures", "1",
         "--terse"],
        capture_output=True, text=True, check=False)
    passed = time.monotonic() - begin
    lines = (ran.stdout + ran.stderr).strip().splitlines() or ["it said nothing"]
    verdict = f"found in {passed:.2f} s" if ran.returncode != 0 else f"SURVIVES {passed:.0f} s"
    print(f"{name:34} {verdict}: {lines[0]}", flush=True)
    return ran.returncode != 0


def main():
    mutants = MUTANTS | CLIENT_MUTANTS
    names = sys.argv[1:] or list(mutants)
    survivors = 0
    for name in names:
        folder = write(name, mutants[name])
        program = "simulate-client" if name in CLIENT_MUTANTS else "simulate"
        build(name, program)
        survivors += not is_found(name, folder / program)
    print(f"{len(names)} mutants, {survivors} survive")
    sys.exit(survivors > 0)


if __name__ == "__main__":
    main()
