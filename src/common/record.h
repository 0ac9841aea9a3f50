/*
 * record.h: a message as a line of the journal. Pure.
 *
 *   text  SEQ TIME PEER MESSAGE LF, the message as escape_text() writes it
 *   json  {"seq":SEQ,"time":"TIME","peer":"PEER","message":"MESSAGE"} LF, with "listener":"NAME"
 *         before the message if the listener has a name, and "message_base64" (RFC 4648,
 *         section 4) instead of "message" if the message is not valid UTF-8
 */
#ifndef TCPACK_COMMON_RECORD_H
#define TCPACK_COMMON_RECORD_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 3339 in UTC with microseconds: `2026-01-31T23:59:59.123456Z`. */
enum { RECORD_TIME_LENGTH = 27 };

/*
 * The most bytes that a peer has; the longest of ours has 68. The most that a line has before its
 * message or listener; record_parse() needs no more.
 */
enum { RECORD_PEER_MAX = 128, RECORD_HEAD_MAX = 256 };

/* A time as text; a zeroed struct has none yet. The second is kept, because it seldom changes. */
struct record_time {
    int64_t second;
    char text[RECORD_TIME_LENGTH + 1]; /* "" before the first record_time_set() */
};

struct record {
    uint64_t seq;
    const char *time;     /* RECORD_TIME_LENGTH bytes */
    const char *peer;     /* address_peer_text() */
    const char *listener; /* "" for [server]; else a name without bytes that JSON must escape */
    const void *message;
    size_t size; /* bytes of the message */
};

/* Whether RECORD_TIME_LENGTH bytes have the form of a time. */
bool record_time_is_form(const char *time);

/*
 * Whether there is a time that has the form: 30 February and 25:00 are not. 60 as seconds is the
 * leap second at the end of a day; tcpackd writes none.
 */
bool record_time_exists(const char *time);

/* Sets the text to a wall time in microseconds since 1970. */
void record_time_set(struct record_time *time, int64_t wall_us);

/* Appends the record. False with errno ENOMEM, and `out` unchanged. */
bool record_append(enum journal_format format, const struct record *record,
                   struct buffer *out) MUST_USE;

enum record_kind {
    RECORD_OURS,    /* the line is a record, up to its message */
    RECORD_PARTIAL, /* it may be a record: more bytes are needed to tell */
    RECORD_FOREIGN, /* it is not a record */
};

/*
 * Examines the first `size` bytes of a line, of either format, without its LF. RECORD_OURS sets
 * *seq.
 */
enum record_kind record_parse(const unsigned char *line, size_t size, uint64_t *seq) MUST_USE;

/* How the message stands in a line. */
enum record_coding { RECORD_TEXT, RECORD_JSON, RECORD_BASE64 };

/* A record's line, taken apart; the pointers are into the line, without a NUL. */
struct record_line {
    uint64_t seq;
    const char *time; /* RECORD_TIME_LENGTH bytes */
    const char *peer;
    size_t peer_size;
    const char *listener; /* "" if the line names none */
    size_t listener_size;
    enum record_coding coding;
    const void *coded; /* the message, which record_message() decodes */
    size_t coded_size;
};

/*
 * As record_parse(), and says what the front of the line has: SEQ, time and peer. The rest of
 * *record is not set.
 */
enum record_kind record_head(const void *line, size_t size, struct record_line *record) MUST_USE;

/*
 * Takes a whole line apart, of either format, without its LF. False: it is not a record. The
 * message's bytes are up to record_message(), and a NUL, which no record has and which a power cut
 * can leave, is for the caller to look for.
 */
bool record_split(const void *line, size_t size, struct record_line *record) MUST_USE;

/* As record_split(), and looks for a NUL. */
bool record_read(const void *line, size_t size, struct record_line *record) MUST_USE;

/*
 * Appends a record that was taken apart, with its message decoded. False with errno ENOMEM and
 * `out` as it was.
 */
bool record_write(enum journal_format format, const struct record_line *record, const void *message,
                  size_t size, struct buffer *out) MUST_USE;

/*
 * Appends the bytes of the message. False with `out` as it was: errno is EILSEQ if the line is not
 * a record after all, else ENOMEM.
 */
bool record_message(const struct record_line *record, struct buffer *out) MUST_USE;

#endif
