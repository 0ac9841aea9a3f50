#include "ledger.h"

#include "clients.h"
#include "configurations.h"
#include "disk.h"
#include "journal_lines.h"
#include "network.h"
#include "process.h"
#include "trace.h"
#include "virtual_time.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILES_MAX = 32,
    LINE_SHOWN = 120,
    FAILING_US = 4 * 1000 * 1000, /* health checks are not answered for five seconds */
};

/* Where reading goes on, by inode. */
static size_t scanned[DISK_INODES];

static uint64_t highest_acknowledged;
static uint64_t floor_seq; /* numbers up to this one were answered by an earlier process */
static size_t records;
static int64_t failed_at; /* when a write() of the journal failed; 0: the last one did not */

void ledger_begin(void)
{
    memset(scanned, 0, sizeof scanned);
    highest_acknowledged = floor_seq = 0;
    records = 0;
    failed_at = 0;
}

size_t ledger_records(void)
{
    return records;
}

/* ---------------------------------------------------------------------------------- reading
 * records */

static bool is_journal(const char *path)
{
    return strncmp(path, JOURNAL_PATH, strlen(JOURNAL_PATH)) == 0 && strstr(path, ".seq") == NULL;
}

/* Those at the Unix socket begin each message with a letter of their own. */
static int client_of(const struct journal_line *line)
{
    int port = line->port;
    int number = port == 0 ? (line->size == 0 ? -1 : line->message[0] - CLIENT_FIRST_LETTER)
                 : port >= PROXY_FIRST_PORT ? port - PROXY_FIRST_PORT
                                            : port - CLIENT_FIRST_PORT;

    if (number < 0 || number >= NETWORK_PEERS || !clients[number].used ||
        configuration.listeners[clients[number].listener].is_unix != (port == 0))
        return -1;
    return number;
}

static bool is_equal(int number, const struct message *message, const struct journal_line *line)
{
    return message->end - message->begin == line->size &&
           memcmp(network_peers[number].stream + message->begin, line->message, line->size) == 0;
}

/* Whether the record, read again perhaps, can be this message. */
static bool is_same(int number, const struct message *message, const struct journal_line *line)
{
    return (message->seq == 0 || message->seq == line->seq) && is_equal(number, message, line);
}

/* Which of the client's messages the record is. */
static size_t find_message(int number, const struct journal_line *line)
{
    const struct client *client = &clients[number];
    size_t whole = client_whole(number);
    size_t at = client->recorded;

    while (client->has_holes && at < whole && !is_same(number, &client->messages[at], line))
        at++;
    if (at >= whole && client->misbehaves)
        return SIZE_MAX; /* of what it sent then, the server made what it could */
    if (at >= whole)
        process_violation("record %" PRIu64 " of peer %d is of no message of its: %zu were sent",
                          line->seq, number, whole);
    if (!is_equal(number, &client->messages[at], line) && client->misbehaves)
        return SIZE_MAX;
    if (!is_equal(number, &client->messages[at], line))
        process_violation("record %" PRIu64 " is not message %zu of peer %d, which comes next",
                          line->seq, at, number);
    return at;
}

static void note_record(const struct journal_line *line, int inode, size_t begin, size_t end)
{
    int number = client_of(line);

    if (number < 0)
        process_violation("record %" PRIu64 " is of port %d, where no peer was", line->seq,
                          line->port);
    struct client *client = &clients[number];
    if (line->size == strlen(HEALTH_CHECK) && memcmp(line->message, HEALTH_CHECK, line->size) == 0)
        process_violation("record %" PRIu64 " is a health check of peer %d", line->seq, number);
    if (client->denied)
        process_violation("record %" PRIu64 " is of peer %d, which is denied", line->seq, number);
    if ((line->port >= PROXY_FIRST_PORT) == client->named_by_proxy)
        if (client->named_by_proxy)
            process_violation("record %" PRIu64 " of peer %d bears the proxy's address", line->seq,
                              number);
    size_t index = find_message(number, line);
    if (index == SIZE_MAX)
        return;
    struct message *message = &client->messages[index];
    if (message->acknowledged && message->seq != line->seq)
        process_violation("message %zu of peer %d was answered as %" PRIu64 " and is %" PRIu64,
                          index, number, message->seq, line->seq);
    message->recorded = true;
    message->seq = line->seq;
    message->inode = inode;
    message->record_begin = begin;
    message->record_end = end;
    client->recorded = index + 1;
}

/* Reads the whole lines from `*last_seq` on. False: a line is no record. */
static bool scan(int inode, uint64_t *last_seq)
{
    static struct journal_line line;
    const unsigned char *bytes = disk_bytes(inode);
    size_t size = disk_size(inode);

    while (scanned[inode] < size) {
        size_t begin = scanned[inode];
        const unsigned char *end = memchr(bytes + begin, '\n', size - begin);
        if (end == NULL)
            return true;
        if (!journal_line_read(bytes + begin, (size_t)(end - bytes) - begin, configuration.json,
                               &line))
            return false;
        if (line.seq <= *last_seq)
            process_violation("record %" PRIu64 " follows record %" PRIu64, line.seq, *last_seq);
        *last_seq = line.seq;
        scanned[inode] = (size_t)(end - bytes) + 1;
        note_record(&line, inode, begin, scanned[inode]);
        records++;
    }
    return true;
}

/* ------------------------------------------------------------------------------------- all the
 * files */

struct file {
    int inode;
    bool current;
    uint64_t first;
};

/* The number of the file's first record; UINT64_MAX: it has none. */
static uint64_t first_seq(int inode)
{
    static struct journal_line line;
    const unsigned char *bytes = disk_bytes(inode);
    const unsigned char *end = disk_size(inode) == 0 ? NULL : memchr(bytes, '\n', disk_size(inode));

    if (end == NULL || !journal_line_read(bytes, (size_t)(end - bytes), configuration.json, &line))
        return UINT64_MAX;
    return line.seq;
}

static int compare(const void *one, const void *other)
{
    const struct file *first = one;
    const struct file *second = other;

    return first->first < second->first ? -1 : first->first > second->first;
}

/* The journal's files, the oldest first; the one in use is the last. */
static size_t find_files(struct file files[FILES_MAX])
{
    size_t count = 0;
    const char *path;
    int inode;

    for (size_t at = 0; (path = disk_name(at, &inode)) != NULL && count < FILES_MAX; at++)
        if (is_journal(path))
            files[count++] = (struct file){inode, strcmp(path, JOURNAL_PATH) == 0, 0};
    for (size_t at = 0; count > 1 && at < count; at++)
        files[at].first = first_seq(files[at].inode);
    if (count > 1)
        qsort(files, count, sizeof *files, compare);
    return count;
}

static NORETURN void refuse_line(int inode)
{
    size_t begin = scanned[inode];
    size_t size = disk_size(inode) - begin;

    process_violation("the journal has a line that is no record, at byte %zu of %zu: %.*s", begin,
                      disk_size(inode), (int)(size < LINE_SHOWN ? size : LINE_SHOWN),
                      (const char *)disk_bytes(inode) + begin);
}

void ledger_update(void)
{
    struct file files[FILES_MAX];
    size_t count = find_files(files);
    uint64_t none = 0; /* their order is looked at when all is read anew */

    for (size_t at = 0; at < count; at++) {
        none = configuration.to_standard ? 0 : none; /* there each file begins with 1 */
        if (!scan(files[at].inode, &none) && files[at].current)
            refuse_line(files[at].inode);
    }
}

static void forget_records(void)
{
    memset(scanned, 0, sizeof scanned);
    records = 0;
    for (int number = 0; number < NETWORK_PEERS; number++) {
        struct client *client = &clients[number];
        if (!client->used)
            continue;
        client->recorded = 0;
        for (size_t at = 0; at < client->count; at++)
            client->messages[at].recorded = false;
    }
}

static void check_acknowledged(void)
{
    for (int number = 0; number < NETWORK_PEERS; number++) {
        const struct client *client = &clients[number];
        for (size_t at = 0; client->used && at < client->count; at++) {
            const struct message *message = &client->messages[at];
            if (message->acknowledged && !message->recorded)
                process_violation("message %zu of peer %d was answered as %" PRIu64
                                  " and is not recorded",
                                  at, number, message->seq);
        }
    }
}

void ledger_reread(void)
{
    struct file files[FILES_MAX];
    size_t count = find_files(files);
    uint64_t last_seq = 0;

    forget_records();
    for (size_t at = 0; at < count; at++) {
        const struct file *file = &files[at];
        last_seq = configuration.to_standard ? 0 : last_seq;
        /* One that was renamed while it had an unfinished end keeps that. */
        bool good = scan(file->inode, &last_seq);
        if (file->current && (!good || scanned[file->inode] != disk_size(file->inode)))
            refuse_line(file->inode);
    }
    check_acknowledged();
}

/* -------------------------------------------------------------------------------------- what
 * happens */

static bool is_recorded(const struct message *message)
{
    if (!message->recorded)
        ledger_update();
    return message->recorded;
}

void ledger_acknowledged(int number, size_t index, uint64_t seq)
{
    struct message *message = &clients[number].messages[index];

    if (message->taken)
        return; /* whether it is still answered depends on the moment */
    if (!is_recorded(message))
        process_violation("message %zu of peer %d is answered and not recorded", index, number);
    if (seq != 0 && seq != message->seq)
        process_violation("message %zu of peer %d is answered as %" PRIu64 " and is %" PRIu64,
                          index, number, seq, message->seq);
    if (message->seq <= floor_seq)
        process_violation("number %" PRIu64 " is given twice: up to %" PRIu64 " were answered",
                          message->seq, floor_seq);
    if (configuration.sync &&
        !disk_is_synced(message->inode, message->record_begin, message->record_end))
        process_violation("message %zu of peer %d is answered before its sync", index, number);
    if (configuration.sync && !disk_is_named(message->inode))
        process_violation(
            "message %zu of peer %d is answered, and its file has no name on the disk", index,
            number);
    message->acknowledged = true;
    if (message->seq > highest_acknowledged)
        highest_acknowledged = message->seq;
}

void ledger_wrote(bool all)
{
    failed_at = all ? 0 : virtual_now();
}

bool ledger_is_failing(void)
{
    return failed_at != 0 && virtual_now() - failed_at < FAILING_US;
}

void ledger_deleted(int inode)
{
    if (process.running && process.ready)
        ledger_update();
    scanned[inode] = 0; /* another file may get its number */
    for (int number = 0; number < NETWORK_PEERS; number++) {
        struct client *client = &clients[number];
        for (size_t at = 0; client->used && at < client->count; at++) {
            struct message *message = &client->messages[at];
            if (!message->recorded || message->inode != inode)
                continue;
            message->taken = client->has_holes = true;
            message->acknowledged = false;
        }
    }
}

void ledger_truncated(int inode, size_t size)
{
    if (scanned[inode] <= size)
        return;
    scanned[inode] = size;
    for (int number = 0; number < NETWORK_PEERS; number++) {
        struct client *client = &clients[number];
        for (size_t at = 0; client->used && at < client->count; at++) {
            struct message *message = &client->messages[at];
            if (!message->recorded || message->inode != inode || message->record_end <= size)
                continue;
            if (message->acknowledged)
                process_violation("record %" PRIu64 " was answered and is cut off", message->seq);
            message->recorded = false;
            if (client->recorded > at)
                client->recorded = at;
        }
    }
}

void ledger_process_ended(bool power_cut)
{
    if (configuration.to_standard)
        highest_acknowledged = 0; /* the next one does not know what came before */
    floor_seq = highest_acknowledged;
    failed_at = 0;
    if (!power_cut || configuration.sync)
        return;
    for (int number = 0; number < NETWORK_PEERS; number++) {
        clients[number].has_holes = true;
        for (size_t at = 0; clients[number].used && at < clients[number].count; at++)
            clients[number].messages[at].acknowledged = false;
    }
}

void ledger_check_taken_back(void)
{
    int inode = disk_find(JOURNAL_PATH);

    if (configuration.sync && inode >= 0 && !disk_is_synced(inode, 0, disk_size(inode)))
        process_violation("the batch whose sync has failed is left in the journal");
}

bool ledger_has_unanswered(int number)
{
    return clients[number].recorded > clients[number].acknowledged;
}

bool ledger_is_locked(void)
{
    struct file files[FILES_MAX];
    size_t count = find_files(files);
    bool locked = configuration.piped; /* there is no need */

    for (size_t at = 0; at < count; at++)
        locked = locked || disk_lock_of(files[at].inode) != DISK_UNLOCKED;
    return locked;
}
