/*
 * A journal may be hostile: it holds what anybody sent, and tcpack-journal reads whatever it is
 * given. Each line of the input is taken apart. Whatever it is: a line that is a record begins as
 * record_parse() says that one does; written again, in either format, it reads back as the same;
 * taken for a message, it makes a record that --id would ship and --shipped would take out again;
 * and the other parsers of a reader's input stay within it.
 */
#include "common/numbered.h"
#include "common/record.h"
#include "reader/filter.h"
#include "reader/form.h"
#include "reader/once.h"
#include "reader/peer.h"
#include "reader/receipts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool same(const void *one, size_t one_size, const void *other, size_t other_size)
{
    return one_size == other_size && (one_size == 0 || memcmp(one, other, one_size) == 0);
}

/* Written in the format, the record must read back as what it was. */
static void check_again(enum journal_format format, const struct record_line *record,
                        const struct buffer *message)
{
    struct buffer line = {0};
    struct buffer again = {0};
    struct record_line read;

    require(record_write(format, record, message->bytes, message->size, &line));
    require(memchr(line.bytes, '\n', line.size) == line.bytes + line.size - 1);
    require(record_read(line.bytes, line.size - 1, &read) && record_message(&read, &again));
    require(read.seq == record->seq);
    require(memcmp(read.time, record->time, RECORD_TIME_LENGTH) == 0);
    require(same(read.peer, read.peer_size, record->peer, record->peer_size));
    require(same(again.bytes, again.size, message->bytes, message->size));
    buffer_free(&line);
    buffer_free(&again);
}

/* What --id prints is a numbered message, whose rest is the record. */
static void check_shipped(const struct record_line *record, const struct buffer *message)
{
    const struct form form = {.kind = FORM_NUMBERED, .ending = '\n', .id = "host"};
    const struct form_entry entry = {
        .record = record, .message = message->bytes, .size = message->size, .name = ""};
    struct buffer out = {0};
    struct buffer again = {0};
    struct numbered numbered;
    struct record_line read;

    require(form_append(&form, &entry, &out));
    if (record->seq <= NUMBERED_MAX) {
        require(numbered_read(out.bytes, out.size - 1, &numbered));
        require(numbered.number == record->seq);
    }
    size_t name = strlen("host ");
    require(record_read(out.bytes + name, out.size - 1 - name, &read));
    require(record_message(&read, &again));
    require(same(again.bytes, again.size, message->bytes, message->size));
    buffer_free(&out);
    buffer_free(&again);
}

static void check_record(const struct record_line *record)
{
    struct filter filter = {.to = UINT64_MAX, .some_peers = true};
    struct sockaddr_storage address;
    struct buffer message = {0};
    size_t size = peer_address_size(record->peer, record->peer_size);

    bool known = peer_parse_address(record->peer, size, &address);
    require(!filter_has(&filter, record)); /* there is no network */
    filter_free(&filter);
    filter.unix_peers = true;
    require(filter_has(&filter, record) == (known && address.ss_family == AF_UNIX));
    filter_free(&filter);
    if (record_message(record, &message)) {
        check_again(JOURNAL_FORMAT_TEXT, record, &message);
        check_again(JOURNAL_FORMAT_JSON, record, &message);
        check_shipped(record, &message);
    }
    buffer_free(&message);
}

static void check_line(const uint8_t *bytes, size_t size, struct once *once,
                       struct receipts *receipts)
{
    uint8_t *line = malloc(size > 0 ? size : 1); /* of exactly its size */
    struct record_line record;
    struct numbered numbered;
    uint64_t seq;

    require(line != NULL);
    if (size > 0)
        memcpy(line, bytes, size);
    bool is_record = record_read(line, size, &record);
    if (is_record) {
        require(record_parse(line, size, &seq) == RECORD_OURS && seq == record.seq);
        check_record(&record);
    }
    if (numbered_read(line, size, &numbered)) {
        require(once_see(once, &numbered, line, size) != ONCE_FAILED);
        require(once_see(once, &numbered, line, size) == ONCE_REPEAT);
    }
    require(receipts_add(receipts, line, size, 1) != RECEIPTS_NO_MEMORY);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct once once = {0};
    struct receipts receipts = {0};

    while (size > 0) {
        const uint8_t *end = memchr(bytes, '\n', size);
        size_t line = end == NULL ? size : (size_t)(end - bytes);
        check_line(bytes, line, &once, &receipts);
        line += end != NULL;
        bytes += line;
        size -= line;
    }
    receipts_sort(&receipts);
    receipts_find(&receipts, 7);
    receipts_free(&receipts);
    once_free(&once);
    return 0;
}
