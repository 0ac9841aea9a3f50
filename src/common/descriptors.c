#include "common/descriptors.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static size_t word_of(int fd)
{
    return (size_t)fd / DESCRIPTOR_WORD_BITS;
}

static descriptor_word bit_of(int fd)
{
    return (descriptor_word)1 << ((size_t)fd % DESCRIPTOR_WORD_BITS);
}

bool descriptor_set_grow(struct descriptor_set *set, int fd)
{
    enum { WORDS_MIN = 16 }; /* 1024 bits, as in an fd_set: never fewer than FD_SETSIZE */
    size_t count = set->count < WORDS_MIN ? WORDS_MIN : set->count;

    while (count <= word_of(fd))
        count *= 2;
    if (count == set->count)
        return true;
    descriptor_word *words = realloc(set->words, count * sizeof *words);
    if (words == NULL)
        return false;
    memset(words + set->count, 0, (count - set->count) * sizeof *words);
    set->words = words;
    set->count = count;
    return true;
}

void descriptor_set_add(struct descriptor_set *set, int fd)
{
    if (fd < 0 || word_of(fd) >= set->count)
        abort(); /* a bug in the caller, which would write out of bounds */
    set->words[word_of(fd)] |= bit_of(fd);
}

void descriptor_set_remove(struct descriptor_set *set, int fd)
{
    if (fd >= 0 && word_of(fd) < set->count)
        set->words[word_of(fd)] &= ~bit_of(fd);
}

bool descriptor_set_has(const struct descriptor_set *set, int fd)
{
    return fd >= 0 && word_of(fd) < set->count && (set->words[word_of(fd)] & bit_of(fd)) != 0;
}

/* Words with the descriptors below `beyond` for which the set has room. */
static size_t words_below(const struct descriptor_set *set, int beyond)
{
    size_t words = ((size_t)beyond + DESCRIPTOR_WORD_BITS - 1) / DESCRIPTOR_WORD_BITS;

    return words < set->count ? words : set->count;
}

int descriptor_set_next(const struct descriptor_set *set, int from, int beyond)
{
    size_t end = words_below(set, beyond);
    size_t at = word_of(from);

    if (at >= end)
        return -1;
    descriptor_word word = set->words[at] & ~(bit_of(from) - 1);
    while (word == 0) {
        if (++at == end)
            return -1;
        word = set->words[at];
    }
    int fd = (int)(at * DESCRIPTOR_WORD_BITS) + __builtin_ctzl(word);
    return fd < beyond ? fd : -1;
}

void descriptor_set_copy(struct descriptor_set *set, const struct descriptor_set *from, int beyond)
{
    size_t words = words_below(from, beyond);

    if (words > set->count)
        abort(); /* a bug in the caller, which would write out of bounds */
    if (words > 0)
        memcpy(set->words, from->words, words * sizeof *from->words);
}

void descriptor_set_free(struct descriptor_set *set)
{
    free(set->words);
    *set = (struct descriptor_set){0};
}

fd_set *descriptor_set_for_select(struct descriptor_set *set)
{
    return (fd_set *)(void *)set->words;
}

uint64_t descriptors_raise_limit(uint64_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return FD_SETSIZE; /* cannot fail with these arguments */
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted) {
        rlim_t soft = limit.rlim_cur;
        limit.rlim_cur =
            limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted ? limit.rlim_max : wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            limit.rlim_cur = soft;
    }
    return limit.rlim_cur;
}

void descriptors_prepare_standard(void)
{
    int fd;

    (void)signal(SIGPIPE, SIG_IGN); /* these cannot fail */
    (void)signal(SIGXFSZ, SIG_IGN);
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close(fd); /* nothing was written to it */
}
