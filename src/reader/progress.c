#include "reader/progress.h"

#include "common/clock.h"
#include "common/screen.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { INTERVAL_US = 250 * 1000, TURNS = 4096, LINE_SIZE = 80 };

static void paint(const char *line)
{
    if (write(STDERR_FILENO, line, strlen(line)) < 0) {
        /* Progress that cannot be shown stops nothing. */
    }
}

/* Leaves out what does not fit: a line that wraps could not be wiped. */
static void make_line(double read, double total, char line[LINE_SIZE])
{
    static const char wipe[] = "\033[K";
    double mebibytes = 1024 * 1024;
    double percent = read < total ? read / total * 100 : 100;
    size_t room = sizeof "\r" + screen_columns() - 1; /* the last column stays free */
    int size = snprintf(line, LINE_SIZE, "\r%.0f of %.0f MiB read, %.0f %%", read / mebibytes,
                        total / mebibytes, percent);

    if ((size_t)size >= room)
        size = snprintf(line, LINE_SIZE, "\r%.0f %%", percent);
    if ((size_t)size >= room)
        size = 1;
    (void)snprintf(line + size, LINE_SIZE - (size_t)size, "%s", wipe);
}

void progress_show(struct progress *progress, uint64_t done)
{
    char line[LINE_SIZE];

    if (progress->total == 0 || ++progress->turns < TURNS)
        return;
    progress->turns = 0;
    int64_t now_us = clock_monotonic_us();
    bool first = progress->due_us == 0; /* what is done at once shows nothing */
    if (!first && now_us < progress->due_us)
        return;
    progress->due_us = now_us + INTERVAL_US;
    if (first)
        return;
    make_line((double)(progress->before + done), (double)progress->total, line);
    paint(line);
    progress->shown = true;
}

void progress_hide(struct progress *progress)
{
    if (progress->shown)
        paint("\r\033[K");
    progress->shown = false;
}
