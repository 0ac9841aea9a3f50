/*
 * Stands in front of the server's objects on the linker's command line, statics_end.c behind them:
 * between the two lie the server's static variables. See statics.h.
 */
#include "statics.h"

char statics_data_begin[16] = {1};
char statics_bss_begin[16];
