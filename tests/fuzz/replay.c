/*
 * What a fuzz target is without libFuzzer: runs LLVMFuzzerTestOneInput() over the files that are
 * given as arguments, or without any over the target's committed corpus, so that `make check` tries
 * on every compiler what the fuzzer once found. A corpus without files is a failure: it would
 * test nothing.
 */
#include "common/buffer.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void fail(const char *what, const char *path)
{
    (void)fprintf(stderr, "replay: cannot %s %s: %s\n", what, path, strerror(errno));
    exit(EXIT_FAILURE);
}

static void replay(const char *path)
{
    struct buffer bytes = {0};
    FILE *file = fopen(path, "rb");
    size_t got = 0;

    if (file == NULL)
        fail("open", path);
    do {
        unsigned char *room = buffer_reserve(&bytes, BUFSIZ);
        if (room == NULL)
            fail("read", path);
        got = fread(room, 1, BUFSIZ, file);
        bytes.size += got;
    } while (got > 0);
    if (ferror(file) != 0)
        fail("read", path);
    (void)fclose(file); /* it was only read */

    /* The target gets a block of exactly that size: reading behind it is then an error. */
    uint8_t *input = malloc(bytes.size > 0 ? bytes.size : 1);
    if (input == NULL)
        fail("read", path);
    if (bytes.size > 0)
        memcpy(input, bytes.bytes, bytes.size);
    printf("%s\n", path);
    (void)fflush(stdout); /* it stands in the log when the target aborts */
    (void)LLVMFuzzerTestOneInput(input, bytes.size);
    free(input);
    buffer_free(&bytes);
}

/* Of `folder`; how many files there were. */
static int replay_folder(const char *folder)
{
    DIR *open_folder = opendir(folder);
    const struct dirent *entry;
    int files = 0;

    if (open_folder == NULL)
        fail("open", folder);
    while ((entry = readdir(open_folder)) != NULL) {
        struct buffer path = {0};
        if (entry->d_name[0] == '.')
            continue;
        if (!buffer_printf(&path, "%s/%s", folder, entry->d_name) || !buffer_append(&path, "", 1))
            fail("open", folder);
        replay((const char *)path.bytes);
        buffer_free(&path);
        files++;
    }
    (void)closedir(open_folder); /* it was only read */
    return files;
}

/* The corpus of the program replay_NAME is tests/fuzz/corpus/NAME of the source folder. */
static int replay_corpus(const char *program)
{
    const char *source = getenv("TCPACK_SRCDIR");
    const char *name = strrchr(program, '_');
    struct buffer folder = {0};

    if (source == NULL || name == NULL) {
        (void)fprintf(stderr, "usage: %s FILE..., or with TCPACK_SRCDIR set: the corpus\n",
                      program);
        return EXIT_FAILURE;
    }
    if (!buffer_printf(&folder, "%s/tests/fuzz/corpus/%s", source, name + 1) ||
        !buffer_append(&folder, "", 1))
        fail("open the corpus of", program);
    int files = replay_folder((const char *)folder.bytes);
    printf("%d files\n", files);
    buffer_free(&folder);
    return files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return replay_corpus(argv[0]);
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    return EXIT_SUCCESS;
}
