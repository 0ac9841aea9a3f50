/* screen.h: the width of the terminal on standard error, for lines that must not wrap. */
#ifndef TCPACK_COMMON_SCREEN_H
#define TCPACK_COMMON_SCREEN_H

#include <stddef.h>

/* The columns it has now, at least 1; 80 if that is not known. */
size_t screen_columns(void);

#endif
