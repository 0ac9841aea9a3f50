#include "reader/follow.h"

#include "common/log.h"
#include "reader/files.h"
#include "reader/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DELAY_MIN_US = 1000, DELAY_MAX_US = 1000 * 1000 };

struct follow {
    struct reading *reading;
    const char *path;
    struct input input;
    char *name; /* of the input, if it is not path */
    struct watch watch;
    int64_t delay_us; /* how long to wait for what is soon to be */
    bool final;       /* nothing will be added to the input: it is read for the last time */
    uint64_t passed;  /* the SEQ of its last record, even if that is damaged, once it was read */
};

/* Whether the path names another regular file than the one that is read. */
static bool is_replaced(const struct follow *follow)
{
    struct stat status;

    return follow->input.fd != STDIN_FILENO && stat(follow->path, &status) == 0 &&
           S_ISREG(status.st_mode) &&
           (status.st_dev != follow->input.device || status.st_ino != follow->input.inode);
}

/* Goes to where the position says that the next record is, if that is in this file. */
static void seek_position(struct follow *follow)
{
    struct input *input = &follow->input;
    const struct position *last = &follow->reading->last;
    struct files_record record;

    if (last->time[0] == '\0' || last->inode != (uint64_t)input->inode || !input->regular)
        return;
    if (files_last(input->fd, last->offset, &record) && record.seq == last->number &&
        record.end == last->offset)
        input_seek(input, last->offset, last->line);
}

/* The number with which the next file should go on; 0: there is no higher one. */
static uint64_t next_number(const struct follow *follow)
{
    uint64_t last = follow->reading->last.number;

    return (follow->passed > last ? follow->passed : last) + 1;
}

/*
 * Finds the file with the records between the last one and those of the path's file, which is the
 * input. False: there are none, or they are in no file.
 */
static bool find_before(const struct follow *follow, const struct input *input, char **name)
{
    uint64_t next = next_number(follow);
    struct files_record first;

    if (follow->reading->last.number == 0 || !input->regular || !files_first(input->fd, &first))
        return false;
    if (first.seq == 0)
        first.seq = UINT64_MAX; /* nobody knows yet */
    return first.seq > next && files_find(follow->path, next, first.seq, name);
}

/*
 * Opens the file that has what follows the last record: the path's, or one that was rotated away
 * while nobody looked. False: errno says why; then the input is what it was.
 */
static bool open_next(struct follow *follow)
{
    struct input input;
    char *name = NULL;

    if (!input_open(&input, follow->path))
        return false;
    if (find_before(follow, &input, &name)) {
        input_close(&input);
        if (!input_open(&input, name)) { /* it was rotated once more: look again */
            free(name);
            return errno == ENOENT && open_next(follow);
        }
    }
    input_close(&follow->input);
    free(follow->name);
    follow->input = input;
    follow->name = name;
    follow->final = false;
    follow->passed = 0;
    reading_begin(follow->reading, &follow->input);
    seek_position(follow);
    watch_file(&follow->watch, follow->input.fd);
    return true;
}

/* After the file was emptied, or cut below what was read of it. */
static void begin_again(struct follow *follow)
{
    log_warning("%s was cut, perhaps by copytruncate: what was not read of it is lost; reading it "
                "from its beginning",
                follow->input.name);
    follow->reading->found = true;
    input_seek(&follow->input, 0, 0);
    reading_begin(follow->reading, &follow->input);
}

/* Whether there is more in the file than is committed, or it is about to be left: soon to change.
 */
static bool is_restless(const struct follow *follow, bool replaced)
{
    struct stat status;

    return replaced || (follow->input.held && fstat(follow->input.fd, &status) == 0 &&
                        (uint64_t)status.st_size > follow->input.committed);
}

/* False: nobody takes the output any more. */
static bool wait_for_more(struct follow *follow, bool replaced, bool progressed)
{
    int64_t timeout_us = watch_patience(&follow->watch);

    if (progressed || !is_restless(follow, replaced)) {
        follow->delay_us = DELAY_MIN_US;
    } else {
        timeout_us = follow->delay_us;
        if (follow->delay_us < DELAY_MAX_US)
            follow->delay_us *= 2;
    }
    return watch_wait(&follow->watch, timeout_us);
}

/* The file was read: if its last records are damaged, it must not be found again for them. */
static void note_passed(struct follow *follow)
{
    struct files_record last;

    if (files_last(follow->input.fd, follow->input.committed, &last))
        follow->passed = last.seq;
}

enum turn { TURN_ON, TURN_DONE, TURN_FAILED };

/* What is not committed, or may be cut, is read again when there is more. */
static void forget_uncertain(struct follow *follow)
{
    if (follow->input.regular && follow->input.offset != follow->reading->good_offset)
        input_seek(&follow->input, follow->reading->good_offset, follow->reading->good_lines);
}

/* After the file was read to its end. */
static enum turn go_on(struct follow *follow, bool forever, uint64_t begin)
{
    bool replaced = is_replaced(follow);
    bool progressed = follow->reading->good_offset != begin;

    if (replaced && !follow->input.held && !follow->final) {
        follow->final = true; /* what was added before it was let go comes now */
        return TURN_ON;
    }
    if (replaced && !follow->input.held) {
        reading_end(follow->reading, &follow->input);
        note_passed(follow);
        if (open_next(follow))
            return TURN_ON;
    }
    follow->final = false;
    if (!forever || !follow->input.regular) { /* the end of a pipe is one for good */
        reading_end(follow->reading, &follow->input);
        return TURN_DONE;
    }
    forget_uncertain(follow);
    return wait_for_more(follow, replaced, progressed) ? TURN_ON : TURN_DONE;
}

static enum turn turn(struct follow *follow, bool forever)
{
    uint64_t begin = follow->reading->good_offset;
    enum reading_result result = reading_go_on(follow->reading, &follow->input);

    if (result == READING_FAILED || !reading_flush(follow->reading, &follow->input))
        return TURN_FAILED;
    switch (result) {
    case READING_PAUSE:
        input_wait(&follow->input);
        return TURN_ON;
    case READING_EMPTIED:
        begin_again(follow);
        return TURN_ON;
    case READING_FAILED:
    case READING_END:
        break;
    }
    return go_on(follow, forever, begin);
}

enum follow_result follow(struct reading *reading, const char *path, bool forever)
{
    struct follow follow = {
        .reading = reading, .path = path, .input = {.fd = -1}, .delay_us = DELAY_MIN_US};
    enum turn result = TURN_ON;

    watch_open(&follow.watch, path);
    if (!open_next(&follow)) {
        int saved = errno;
        watch_close(&follow.watch);
        errno = saved;
        return FOLLOW_ABSENT;
    }
    while (result == TURN_ON)
        result = turn(&follow, forever);
    input_close(&follow.input);
    watch_close(&follow.watch);
    free(follow.name);
    return result == TURN_DONE ? FOLLOW_DONE : FOLLOW_FAILED;
}
