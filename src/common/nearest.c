#include "common/nearest.h"

#include <string.h>

enum { NAME_MAX_BYTES = 32, MISTAKES_MAX = 2 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/*
 * The optimal string alignment distance: rows[i % 3][j] is that of the first i bytes of `a` and the
 * first j of `b`; a row needs the two before it. Both sizes are at most NAME_MAX_BYTES.
 */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][NAME_MAX_BYTES + 1];

    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t wrong = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
            row[j] = min(above[j - 1] + wrong, min(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = min(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    size_t wanted_size = strlen(nearest->wanted);
    size_t name_size = strlen(name);

    if (wanted_size > NAME_MAX_BYTES || name_size > NAME_MAX_BYTES)
        return;
    size_t mistakes = distance(nearest->wanted, wanted_size, name, name_size);
    if (mistakes > MISTAKES_MAX || mistakes * 2 >= name_size)
        return;
    if (nearest->name == NULL || mistakes < nearest->distance) {
        nearest->name = name;
        nearest->distance = mistakes;
    }
}
