#include "statics.h"

char statics_data_end[16] = {1};
char statics_bss_end[16];
