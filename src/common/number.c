#include "common/number.h"

bool number_parse(const char *text, int base, uint64_t min, uint64_t max, uint64_t *number)
{
    uint64_t value = 0;
    uint64_t radix = base == 8 ? 8 : 10;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || (uint64_t)(*text - '0') >= radix)
            return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / radix)
            return false;
        value = value * radix + digit;
    }
    if (value < min || value > max)
        return false;
    *number = value;
    return true;
}
