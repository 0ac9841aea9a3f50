#include "server/status.h"

#include "common/escape.h"
#include "common/record.h"

#include <inttypes.h>
#include <string.h>

enum { SECONDS_LENGTH = 19, US_PER_SECOND = 1000000 };

/* Appends a time, to the second. */
static bool add_time(struct buffer *out, const char *word, int64_t wall_us)
{
    struct record_time time = {0};

    record_time_set(&time, wall_us);
    return buffer_printf(out, "%s %.*sZ", word, SECONDS_LENGTH, time.text);
}

/* Messages a second, with one decimal. */
static bool add_rate(struct buffer *out, uint64_t messages, int64_t us)
{
    uint64_t tenths = us <= 0 ? 0 : (uint64_t)((double)messages * 10 * US_PER_SECOND / (double)us);

    return buffer_printf(out,
                         "; %" PRIu64 ".%" PRIu64 " messages a second in the last %" PRId64 " s",
                         tenths / 10, tenths % 10, (us + US_PER_SECOND - 1) / US_PER_SECOND);
}

static bool add_journal(struct buffer *out, const struct status *status)
{
    return buffer_printf(out, "; journal ") &&
           escape_text(status->journal, strlen(status->journal), out) &&
           buffer_printf(out, ", last record %" PRIu64, status->seq) &&
           (status->bytes < 0 || buffer_printf(out, ", %" PRId64 " bytes", status->bytes));
}

static bool add_trouble(struct buffer *out, const struct status *status)
{
    if (*status->trouble == '\0')
        return buffer_printf(out, "; no warning or error");
    return add_time(out, "; last trouble", status->trouble_wall_us) && buffer_printf(out, ": ") &&
           escape_text(status->trouble, strlen(status->trouble), out);
}

bool status_format(const struct status *status, struct buffer *out)
{
    size_t before = out->size;

    if ((!status->failing || buffer_printf(out, "NOT RECORDING; ")) &&
        add_time(out, "since", status->started_wall_us) &&
        buffer_printf(out, "; %" PRIu64 " clients", status->clients) &&
        add_rate(out, status->messages, status->us) && add_journal(out, status) &&
        add_trouble(out, status))
        return true;
    out->size = before;
    return false;
}
