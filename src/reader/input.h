/*
 * input.h: the lines of a journal that are committed, from a file or from standard input.
 *
 * Of a file that a tcpackd has open, its lock tells how much is committed: it holds a lock for
 * writing (fcntl(2), F_SETLK) from there on. A file without such a lock is read to its end; what
 * the next start of tcpackd may cut back there is for the caller to leave out (journal_reader.c).
 */
#ifndef TCPACK_READER_INPUT_H
#define TCPACK_READER_INPUT_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The fields may be read by anyone; only these functions change them. */
struct input {
    int fd; /* -1: not open */
    const char *name;
    bool regular; /* a file: it can be looked at again, and has a size */
    bool held;    /* a tcpackd has it open: what input_next() gives is committed */
    dev_t device; /* with inode: which file it is */
    ino_t inode;
    uint64_t offset; /* where the next line begins */
    uint64_t lines;  /* lines before it */

    struct buffer bytes; /* that were read */
    size_t begin;        /* of bytes: the next line */
    size_t nul_end;      /* of bytes: after it there is no NUL */
    size_t scanned;      /* bytes of that line that are known to hold no LF */
    uint64_t skipped;    /* bytes of that line that were dropped: it is too long, and no record */
    uint64_t committed;  /* bytes, when looked at last */
};

enum input_result {
    INPUT_LINE,    /* one more line */
    INPUT_PAUSE,   /* standard input is a pipe that is empty for now */
    INPUT_END,     /* no other line is committed; input_rest() says what else there is */
    INPUT_FAILED,  /* errno says why */
    INPUT_EMPTIED, /* the file got shorter than what was read of it */
};

struct input_line {
    const unsigned char *bytes; /* without LF; valid until the next call */
    size_t size;
    uint64_t offset; /* where it begins */
    uint64_t number; /* from 1 */
    uint64_t length; /* of the whole line: more than `size` if it is too long to be a record */
    bool nul;        /* there is a NUL in it */
};

/* Opens a file; `name` must stay valid. False: errno says why. "-" is standard input. */
bool input_open(struct input *input, const char *name) MUST_USE;

void input_close(struct input *input);

/* The next line. */
enum input_result input_next(struct input *input, struct input_line *line) MUST_USE;

/* Takes the line apart. False: it is not a record. */
bool input_record(const struct input_line *line, struct record_line *record) MUST_USE;

/*
 * Goes to a line of the file, as input_line said where it is. What is read afterwards is looked at
 * anew: for bytes that were read before they were committed.
 */
void input_seek(struct input *input, uint64_t offset, uint64_t lines);

/* After INPUT_END: bytes of an unfinished last line of what is committed. */
uint64_t input_rest(const struct input *input);

/* Whether that line cannot be the beginning of a record, as far as its first NUL. */
bool input_rest_is_foreign(const struct input *input);

/* After INPUT_PAUSE: waits until standard input has something, or is at its end. */
void input_wait(const struct input *input);

#endif
