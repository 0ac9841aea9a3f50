#include "reader/journals.h"

#include "common/log.h"
#include "reader/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void journals_log_cannot_open(const char *name)
{
    log_error("cannot open %s: %s%s", name, strerror(errno),
              errno == EACCES ? " (try as root; tcpackd(8), \"Who may read the journal\", says how "
                                "to let others read it)"
                              : "");
}

/* The program that prints what a compressed file has; NULL: it is not compressed. */
static const char *unpacker_of(const struct input *input)
{
    static const struct {
        const char *begin, *program;
    } known[] = {{"\x1f\x8b", "zcat"},
                 {"\xfd\x37zXZ", "xzcat"},
                 {"\x28\xb5\x2f\xfd", "zstdcat"},
                 {"BZh", "bzcat"}};
    char head[8] = "";

    if (!input->regular || pread(input->fd, head, sizeof head - 1, 0) < 0)
        return NULL; /* reading it tells why */
    for (size_t at = 0; at < sizeof known / sizeof *known; at++)
        if (strncmp(head, known[at].begin, strlen(known[at].begin)) == 0)
            return known[at].program;
    return NULL;
}

static bool open_entry(struct journals_entry *entry, const char *name, size_t given)
{
    struct files_record first;

    entry->given = given;
    entry->first_seq = UINT64_MAX;
    if (!input_open(&entry->input, name)) {
        journals_log_cannot_open(name);
        return false;
    }
    const char *unpacker = unpacker_of(&entry->input);
    if (unpacker != NULL) {
        log_error("cannot read %s: it is compressed: %s FILE | tcpack-journal -", entry->input.name,
                  unpacker);
        input_close(&entry->input);
        return false;
    }
    if (entry->input.regular && files_first(entry->input.fd, &first) && first.seq > 0)
        entry->first_seq = first.seq;
    return true;
}

static int compare(const void *left, const void *right)
{
    const struct journals_entry *one = left;
    const struct journals_entry *other = right;

    if (one->first_seq != other->first_seq)
        return one->first_seq < other->first_seq ? -1 : 1;
    return one->given < other->given ? -1 : 1;
}

bool journals_open(struct journals *journals, char *const *names, size_t count)
{
    struct stat status;

    *journals = (struct journals){.entries = calloc(count, sizeof *journals->entries)};
    if (journals->entries == NULL) {
        log_error("cannot open the journals: %s", strerror(errno));
        return false;
    }
    for (; journals->count < count; journals->count++) {
        struct journals_entry *entry = &journals->entries[journals->count];
        if (!open_entry(entry, names[journals->count], journals->count))
            return false;
        if (entry->input.regular && fstat(entry->input.fd, &status) == 0)
            journals->size += (uint64_t)status.st_size;
    }
    qsort(journals->entries, count, sizeof *journals->entries, compare);
    return true;
}

void journals_close(struct journals *journals)
{
    for (size_t at = 0; at < journals->count; at++)
        input_close(&journals->entries[at].input);
    free(journals->entries);
    *journals = (struct journals){0};
}

char *journals_configured(const struct config *config)
{
    const char *file = config->journal.file;

    if (config->journal.postgresql[0] != '\0') {
        log_error("the journal of the configuration is in PostgreSQL: read it there with psql, or "
                  "name a file");
        return NULL;
    }
    if (strcmp(file, "-") == 0) {
        log_error("the configuration has file = - in [journal]: name the journal that is to be "
                  "read");
        return NULL;
    }
    const char *folder = file[0] == '/' ? "" : JOURNALS_FOLDER "/";
    size_t size = strlen(folder) + strlen(file) + 1;
    char *path = malloc(size);
    if (path == NULL)
        log_error("cannot name the journal: %s", strerror(errno));
    else
        (void)snprintf(path, size, "%s%s", folder, file); /* it has room */
    return path;
}
