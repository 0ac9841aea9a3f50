#include "reader/receipts.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 1024 };

/* What is left of a line. */
struct text {
    const char *at;
    size_t left;
};

static bool skip(struct text *text, const char *literal)
{
    size_t size = strlen(literal);

    if (text->left < size || memcmp(text->at, literal, size) != 0)
        return false;
    text->at += size;
    text->left -= size;
    return true;
}

static bool take_number(struct text *text, uint64_t *number)
{
    const char *begin = text->at;

    for (*number = 0; text->left > 0 && *text->at >= '0' && *text->at <= '9'; text->at++) {
        uint64_t digit = (uint64_t)(*text->at - '0');
        if (*number > (UINT64_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
        text->left--;
    }
    return text->at > begin;
}

static bool append(struct receipts *receipts, uint64_t seq, uint64_t number)
{
    if (receipts->count == receipts->capacity) {
        size_t capacity = receipts->capacity == 0 ? CAPACITY_MIN : receipts->capacity * 2;
        struct receipt *all = realloc(receipts->all, capacity * sizeof *all);
        if (all == NULL)
            return false;
        receipts->all = all;
        receipts->capacity = capacity;
    }
    receipts->all[receipts->count++] = (struct receipt){.seq = seq, .line = number};
    return true;
}

enum receipts_result receipts_add(struct receipts *receipts, const void *line, size_t size,
                                  uint64_t number)
{
    struct text text = {line, size};
    uint64_t of_input;
    uint64_t seq;

    if (!skip(&text, "{\"line\":") || !take_number(&text, &of_input) || !skip(&text, ","))
        return RECEIPTS_MALFORMED;
    if (skip(&text, "\"latency_us\":"))
        return RECEIPTS_WITHOUT_SEQ;
    if (!skip(&text, "\"seq\":") || !take_number(&text, &seq) || !skip(&text, ","))
        return RECEIPTS_MALFORMED;
    return append(receipts, seq, number) ? RECEIPTS_ADDED : RECEIPTS_NO_MEMORY;
}

static int compare(const void *left, const void *right)
{
    const struct receipt *one = left;
    const struct receipt *other = right;

    return one->seq < other->seq ? -1 : one->seq > other->seq;
}

void receipts_sort(struct receipts *receipts)
{
    if (receipts->count > 0)
        qsort(receipts->all, receipts->count, sizeof *receipts->all, compare);
}

/* The first receipt that is not below `seq`. */
static size_t lower_bound(const struct receipts *receipts, uint64_t seq)
{
    size_t begin = 0;
    size_t end = receipts->count;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (receipts->all[middle].seq < seq)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

void receipts_find(struct receipts *receipts, uint64_t seq)
{
    for (size_t at = lower_bound(receipts, seq);
         at < receipts->count && receipts->all[at].seq == seq && !receipts->all[at].found; at++)
        receipts->all[at].found = true;
}

void receipts_free(struct receipts *receipts)
{
    free(receipts->all);
    *receipts = (struct receipts){0};
}
