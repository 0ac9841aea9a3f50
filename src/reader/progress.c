#include "reader/progress.h"

#include "common/clock.h"

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
    double mebibytes = 1024 * 1024;
    double read = (double)(progress->before + done);
    double total = (double)progress->total;
    (void)snprintf(line, sizeof line, "\r%.0f of %.0f MiB read, %.0f %%\033[K", read / mebibytes,
                   total / mebibytes, read < total ? read / total * 100 : 100);
    paint(line);
    progress->shown = true;
}

void progress_hide(struct progress *progress)
{
    if (progress->shown)
        paint("\r\033[K");
    progress->shown = false;
}
