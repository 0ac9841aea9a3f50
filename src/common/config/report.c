#include "common/config/report.h"

#include "common/log.h"

#include <stddef.h>

static void log_line(void *context, const char *line)
{
    (void)context; /* the log needs none */
    log_error("%s", line);
}

const struct config_report config_report_to_log = {log_line, NULL};
