#include "common/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_USUAL = 80 };

size_t screen_columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS_USUAL;
    return size.ws_col;
}
