#include "memory.h"

#include "calls.h"
#include "process.h"
#include "wrap.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

/*
 * Under AddressSanitizer freed blocks and what lies between blocks are poisoned, and nothing is
 * given out twice in the life of a process.
 */
#ifdef SANITIZED
#include <sanitizer/asan_interface.h>
enum { REUSES = 0 };
#else
#define ASAN_POISON_MEMORY_REGION(begin, size)   ((void)(begin), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(begin, size) ((void)(begin), (void)(size))
enum { REUSES = 1 };
#endif

enum {
    ARENA_SIZE = 64 * 1024 * 1024,
    ALIGNMENT = 16,
    CLASS_MIN = 5,  /* the smallest block has 2^5 bytes, with its head */
    CLASSES = 30,   /* by powers of two */
    FILL = 0xa5,    /* what malloc() leaves in a block, so that reading it is the same each time */
    FILL_MAX = 256, /* bytes of it: a large one is filled by those who asked for it */
};

struct head {
    _Alignas(ALIGNMENT) size_t size;
    uint32_t class;
    uint32_t alive;
    struct head *next; /* of those that are free */
};

static unsigned char arena[ARENA_SIZE] __attribute__((aligned(ALIGNMENT)));
static size_t used;
static size_t peak; /* of `used`, in the life of the process */
static size_t blocks;
static struct head *free_blocks[CLASSES];

REAL(void, free, void *block);

void memory_begin(void)
{
    ASAN_UNPOISON_MEMORY_REGION(arena, peak);
    used = peak = blocks = 0;
    memset(free_blocks, 0, sizeof free_blocks);
}

size_t memory_blocks(void)
{
    return blocks;
}

static unsigned class_of(size_t size)
{
    size_t whole = size + sizeof(struct head);

    if (whole <= (size_t)1 << CLASS_MIN)
        return CLASS_MIN;
    return 64 - (unsigned)__builtin_clzll(whole - 1);
}

/* A large block takes what it needs and no more. */
static size_t room_of(unsigned class, size_t size)
{
    if (class > 12)
        return (size + sizeof(struct head) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + ALIGNMENT;
    return (size_t)1 << class;
}

static struct head *reuse(unsigned class, size_t size)
{
    struct head *head = free_blocks[class];

    if (!REUSES || head == NULL || (class > 12 && head->size < size))
        return NULL;
    free_blocks[class] = head->next;
    return head;
}

void *memory_take(size_t size)
{
    unsigned class = class_of(size);
    struct head *head = size < ARENA_SIZE ? reuse(class, size) : NULL;

    if (head == NULL) {
        size_t room = size < ARENA_SIZE ? room_of(class, size) : ARENA_SIZE;
        if (room > ARENA_SIZE - used)
            return NULL;
        head = (struct head *)(void *)(arena + used);
        used += room;
        if (used > peak)
            peak = used;
        head->size = size;
    } else if (class <= 12) {
        head->size = size;
    }
    head->class = class;
    head->alive = 1;
    blocks++;
    ASAN_POISON_MEMORY_REGION(head, sizeof *head);
    return head + 1;
}

static int is_ours(const void *block)
{
    return (const unsigned char *)block >= arena &&
           (const unsigned char *)block < arena + ARENA_SIZE;
}

static void give_back(void *block)
{
    struct head *head = (struct head *)block - 1;

    ASAN_UNPOISON_MEMORY_REGION(head, sizeof *head);
    if (head->alive != 1)
        process_violation("free() of a block that is not allocated");
    head->alive = 0;
    blocks--;
    if (REUSES) {
        head->next = free_blocks[head->class];
        free_blocks[head->class] = head;
    } else {
        ASAN_POISON_MEMORY_REGION(head, head->size + sizeof *head);
    }
}

static void *allocate(size_t size)
{
    if (calls_lack_memory()) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = memory_take(size);
    if (block == NULL)
        errno = ENOMEM;
    return block;
}

WRAP(void *, malloc, size_t size)
{
    void *block = allocate(size);

    if (block != NULL)
        memset(block, FILL, size < FILL_MAX ? size : FILL_MAX);
    return block;
}

WRAP(void *, calloc, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = allocate(count * size);
    if (block != NULL)
        memset(block, 0, count * size);
    return block;
}

WRAP(void, free, void *block)
{
    int error = errno;

    if (block != NULL && is_ours(block))
        give_back(block);
    else
        __real_free(block);
    errno = error;
}

WRAP(void *, realloc, void *block, size_t size)
{
    if (block == NULL)
        return __wrap_malloc(size);
    struct head *head = (struct head *)block - 1;
    ASAN_UNPOISON_MEMORY_REGION(head, sizeof *head);
    size_t before = head->size;
    ASAN_POISON_MEMORY_REGION(head, sizeof *head);
    void *grown = allocate(size);
    if (grown == NULL)
        return NULL;
    memcpy(grown, block, before < size ? before : size);
    give_back(block);
    return grown;
}

WRAP(char *, strndup, const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    char *copy = allocate(length + 1);

    if (copy == NULL)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

WRAP(char *, strdup, const char *text)
{
    return __wrap_strndup(text, strlen(text));
}

WRAP(int, malloc_trim, size_t pad)
{
    (void)pad; /* there is nothing to give back to */
    return 0;
}
