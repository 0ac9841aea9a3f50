/* report.h: errors of the configuration, each as an error line of the program's log. */
#ifndef TCPACK_COMMON_CONFIG_REPORT_H
#define TCPACK_COMMON_CONFIG_REPORT_H

#include "common/config/config.h"

extern const struct config_report config_report_to_log;

#endif
