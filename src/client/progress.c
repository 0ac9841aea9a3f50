#include "client/progress.h"

#include "client/wait_set.h"
#include "common/screen.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    INTERVAL_US = 250 * 1000,
    COLUMNS_MAX = 200,
    BAR_MIN = 8,
    BAR_MAX = 40,
};

static bool append_time_left(const struct progress_view *view, struct buffer *out)
{
    if (view->done == 0 || view->done >= view->total)
        return true;
    double part = (double)(view->total - view->done) / (double)view->done;
    double seconds = (double)view->elapsed_us / 1e6 * part + 0.5;
    if (seconds >= 360000) /* 100 hours */
        return buffer_printf(out, ", more than 99 h left");
    unsigned left = (unsigned)seconds;
    if (left >= 3600)
        return buffer_printf(out, ", %u:%02u:%02u left", left / 3600, left / 60 % 60, left % 60);
    return buffer_printf(out, ", %u:%02u left", left / 60, left % 60);
}

static bool append_bar(double share, size_t width, struct buffer *out)
{
    unsigned char *room = buffer_reserve(out, width + 3);
    size_t full = (size_t)(share * (double)width);

    if (room == NULL)
        return false;
    room[0] = ' ';
    room[1] = '[';
    memset(room + 2, '#', full);
    memset(room + 2 + full, '-', width - full);
    room[2 + width] = ']';
    out->size += width + 3;
    return true;
}

static double share_of(const struct progress_view *view)
{
    uint64_t done = view->done < view->total ? view->done : view->total;

    return (double)done / (double)view->total;
}

/* Appends the bar, if the line has room for it, the percentage and the time left. */
static bool append_share(const struct progress_view *view, size_t columns, size_t used,
                         struct buffer *out)
{
    double share = share_of(view);
    struct buffer tail = {0};
    bool appended =
        buffer_printf(&tail, " %3d %%", (int)(share * 100)) && append_time_left(view, &tail);
    size_t frame = used + tail.size + 3; /* " [" and "]" */

    if (appended && columns >= frame + BAR_MIN) {
        size_t width = columns - frame;
        appended = append_bar(share, width < BAR_MAX ? width : BAR_MAX, out);
    }
    appended = appended && buffer_append(out, tail.bytes, tail.size);
    buffer_free(&tail);
    return appended;
}

/* Appends the line with all that is known, the bar only if there is room for it. */
static bool append_whole(const struct progress_view *view, size_t columns, struct buffer *out)
{
    size_t before = out->size;

    return buffer_printf(out, "%" PRIu64 " messages, %" PRIu64 " acknowledged, %.0f/s",
                         view->messages, view->acknowledged, view->rate) &&
           (view->total == 0 || append_share(view, columns, out->size - before, out));
}

static bool append_count_and_share(const struct progress_view *view, size_t columns,
                                   struct buffer *out)
{
    (void)columns;
    return buffer_printf(out, "%" PRIu64 " acknowledged", view->acknowledged) &&
           (view->total == 0 || buffer_printf(out, " %3d %%", (int)(share_of(view) * 100)));
}

static bool append_shortest(const struct progress_view *view, size_t columns, struct buffer *out)
{
    (void)columns;
    return view->total == 0 ? buffer_printf(out, "%" PRIu64, view->acknowledged)
                            : buffer_printf(out, "%d %%", (int)(share_of(view) * 100));
}

bool progress_text(const struct progress_view *view, size_t columns, struct buffer *out)
{
    static bool (*const forms[])(const struct progress_view *, size_t, struct buffer *) = {
        append_whole, append_count_and_share, append_shortest};
    size_t before = out->size;

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (!forms[i](view, columns, out))
            return false;
        if (out->size - before <= columns)
            return true;
        out->size = before;
    }
    return true; /* not even the shortest form has room */
}

void progress_start(struct progress *progress, int64_t begin_us)
{
    *progress = (struct progress){
        .on = true,
        .due_us = begin_us + INTERVAL_US, /* short work shows no line */
        .begin_us = begin_us,
        .painted_us = begin_us,
    };
}

int64_t progress_due(const struct progress *progress)
{
    return progress->on ? progress->due_us : WAIT_FOREVER;
}

static size_t columns_to_use(void)
{
    size_t columns = screen_columns();

    return columns < COLUMNS_MAX ? columns : COLUMNS_MAX;
}

static void show(const void *bytes, size_t size)
{
    if (write(STDERR_FILENO, bytes, size) < 0) {
        /* Messages are sent even if the progress cannot be shown. */
    }
}

/* A moving average: 70 % of the last interval, 30 % of the previous value. */
static void measure_rate(struct progress *progress, uint64_t acknowledged, int64_t now_us)
{
    int64_t passed_us = now_us - progress->painted_us;

    if (passed_us <= 0)
        return;
    double rate = (double)(acknowledged - progress->acknowledged) / ((double)passed_us / 1e6);
    bool first = progress->painted_us == progress->begin_us;
    progress->rate = first ? rate : 0.7 * rate + 0.3 * progress->rate;
    progress->painted_us = now_us;
    progress->acknowledged = acknowledged;
}

/*
 * The last column stays free: writing to it may move the cursor to the next line. Only if the
 * screen has become narrower than the line shown on it, blanks go up to there.
 */
static void paint(struct progress *progress, struct progress_view *view, const char *end)
{
    struct buffer line = {0};
    size_t columns = columns_to_use();
    size_t shown = progress->shown < columns ? progress->shown : columns;

    if (!buffer_append(&line, "\r", 1) || !progress_text(view, columns - 1, &line)) {
        buffer_free(&line); /* out of memory: keep the line on the screen */
        return;
    }
    size_t size = line.size - 1;
    bool padded = true;
    for (size_t at = size; at < shown && padded; at++)
        padded = buffer_append(&line, " ", 1);
    if (padded && buffer_append(&line, end, strlen(end))) {
        show(line.bytes, line.size);
        progress->shown = size;
    }
    buffer_free(&line);
}

void progress_paint(struct progress *progress, struct progress_view *view, int64_t now_us)
{
    if (!progress->on || now_us < progress->due_us)
        return;
    measure_rate(progress, view->acknowledged, now_us);
    view->rate = progress->rate;
    view->elapsed_us = now_us - progress->begin_us;
    paint(progress, view, "");
    progress->due_us = now_us + INTERVAL_US;
}

void progress_hide(struct progress *progress)
{
    char blanks[COLUMNS_MAX + 2];
    size_t columns = columns_to_use();
    size_t shown = progress->shown < columns ? progress->shown : columns;

    if (!progress->on || progress->shown == 0)
        return;
    memset(blanks, ' ', sizeof blanks);
    blanks[0] = '\r';
    blanks[shown + 1] = '\r';
    show(blanks, shown + 2);
    progress->shown = 0;
}

void progress_end(struct progress *progress, struct progress_view *view, int64_t now_us)
{
    if (!progress->on)
        return;
    view->elapsed_us = now_us - progress->begin_us;
    view->rate =
        view->elapsed_us > 0 ? (double)view->acknowledged / ((double)view->elapsed_us / 1e6) : 0;
    paint(progress, view, "\n");
    progress->on = false;
}
