/*
 * Opening a journal that holds any bytes. Whatever they are: recovery ends, with a result; what it
 * keeps is the file's own beginning, ends with a whole line, and is whole when it is examined
 * again; and of a journal that a crash has made from ours, no record before the damage is lost. Of
 * each input the first byte chooses: whether commits were synced, and whether the bytes are the
 * journal or say where a good one gets zeros and its end.
 */
#include "server/journal/recovery.h"

#include "common/record.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool read_memory(void *context, unsigned char *bytes, size_t size, off_t offset)
{
    const struct buffer *journal = context;

    require(offset >= 0 && (size_t)offset + size <= journal->size);
    memcpy(bytes, journal->bytes + offset, size);
    return true;
}

/* Examines, and makes of the journal what the result says. */
static enum recovery_result recover(struct buffer *journal, bool synced, struct recovery *found)
{
    const struct recovery_source source = {read_memory, journal, (off_t)journal->size};
    enum recovery_result result = journal_recovery_examine(&source, synced, found);

    require(result != RECOVERY_UNREADABLE);
    if (result != RECOVERY_DAMAGED)
        return result;
    struct buffer salvaged = {0};
    require(journal_recovery_salvage(&source, found, &salvaged));
    require(synced ? salvaged.size == 0 : (salvaged.size > 0) == (found->salvaged > 0));
    require(found->keep >= 0 && (size_t)found->keep + salvaged.size < journal->size);
    journal->size = (size_t)found->keep;
    require(salvaged.size == 0 || buffer_append(journal, salvaged.bytes, salvaged.size));
    buffer_free(&salvaged);
    return result;
}

static void check_bytes(const uint8_t *bytes, size_t size, bool synced)
{
    struct buffer journal = {0};
    struct recovery found, again;

    require(buffer_append(&journal, bytes, size));
    if (recover(&journal, synced, &found) != RECOVERY_FOREIGN) {
        require(journal.size == 0 || journal.bytes[journal.size - 1] == '\n');
        require(recover(&journal, synced, &again) == RECOVERY_WHOLE);
        require(again.last_seq == found.last_seq);
    }
    buffer_free(&journal);
}

/* Ten commits; returns where the last one begins. */
static size_t make_journal(struct buffer *journal, enum journal_format format)
{
    static const char message[3000] = "a message";
    struct record_time time = {0};
    size_t last = 0;
    uint64_t seq = 0;

    for (int commit = 0; commit < 10; commit++) {
        last = journal->size;
        record_time_set(&time, commit);
        for (int at = 0; at <= commit % 3; at++) {
            seq++;
            const struct record record = {.seq = seq,
                                          .time = time.text,
                                          .peer = "unix",
                                          .listener = "",
                                          .message = message,
                                          .size = (size_t)commit * 100};
            require(record_append(format, &record, journal));
        }
    }
    return last;
}

/* Each pair of bytes is a hole in the last commit, in units of 16 bytes. */
static void check_holes(const uint8_t *bytes, size_t size, enum journal_format format)
{
    struct buffer journal = {0};
    struct recovery found;
    size_t synced = make_journal(&journal, format);
    size_t hit = journal.size;

    for (size_t at = 0; at + 1 < size; at += 2) {
        size_t begin = synced + bytes[at] * (size_t)16;
        size_t end = begin + bytes[at + 1] * (size_t)16;
        end = end < journal.size ? end : journal.size;
        if (begin >= end)
            continue;
        memset(journal.bytes + begin, 0, end - begin);
        hit = begin < hit ? begin : hit;
    }
    require(recover(&journal, true, &found) != RECOVERY_FOREIGN);
    require(journal.size >= synced && journal.size <= hit && found.last_seq > 0);
    buffer_free(&journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 1)
        return 0;
    if ((bytes[0] & 2) != 0)
        check_holes(bytes + 1, size - 1,
                    (bytes[0] & 1) != 0 ? JOURNAL_FORMAT_JSON : JOURNAL_FORMAT_TEXT);
    else
        check_bytes(bytes + 1, size - 1, (bytes[0] & 1) != 0);
    return 0;
}
