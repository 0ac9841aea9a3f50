/*
 * A reply template is refused with a reason or rendered, whatever it is: twice the same, behind
 * what is in the buffer, and without placeholders always the same.
 */
#include "common/reply.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check(const struct reply *reply, size_t template_size)
{
    const struct reply_values large = {UINT64_MAX, SIZE_MAX, "2026-01-02T03:04:05.000006Z", 27};
    const struct reply_values small = {0, 0, "", 0};
    struct buffer out = {0};

    require(reply_render(reply, &large, &out));
    size_t size = out.size;
    require(size <= template_size * strlen("18446744073709551615"));
    require(reply_render(reply, &large, &out));
    require(out.size == 2 * size);
    require(size == 0 || memcmp(out.bytes, out.bytes + size, size) == 0);
    require(reply_render(reply, &small, &out));
    require(out.size <= 3 * size);
    buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct problem problem = {""};
    char *template = malloc(size + 1);

    require(template != NULL);
    if (size > 0)
        memcpy(template, bytes, size);
    template[size] = '\0';
    struct reply *reply = reply_compile(template, &problem);
    require((reply == NULL) == (problem.text[0] != '\0'));
    if (reply != NULL)
        check(reply, strlen(template));
    reply_free(reply);
    free(template);
    return 0;
}
