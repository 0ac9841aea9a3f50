#include "common/framing/relp_offers.h"

#include "common/escape.h"
#include "common/framing/framing.h"

#include <string.h>

/* A run of bytes of the answer. */
struct text {
    const unsigned char *bytes;
    size_t size;
};

/* Takes the text before the next `separator`, or all that is left. */
static struct text take_until(struct text *rest, int separator)
{
    const unsigned char *end = rest->size > 0 ? memchr(rest->bytes, separator, rest->size) : NULL;
    struct text taken = {rest->bytes, end != NULL ? (size_t)(end - rest->bytes) : rest->size};
    size_t used = end != NULL ? taken.size + 1 : taken.size;

    rest->bytes += used;
    rest->size -= used;
    return taken;
}

static bool is(struct text text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.bytes, word, text.size) == 0;
}

static bool has_value(struct text values, const char *value)
{
    while (values.size > 0)
        if (is(take_until(&values, ','), value))
            return true;
    return false;
}

/* Writes `what` and the server's text to `problem`. Returns false. */
static bool wrong(struct problem *problem, const char *what, struct text sent)
{
    enum { SHOWN = 80 };
    struct buffer text = {0};

    if (sent.size > SHOWN)
        sent.size = SHOWN;
    bool shown = escape_text(sent.bytes, sent.size, &text) && buffer_append(&text, "", 1);
    problem_set(problem, "%s%s", what, shown ? (const char *)text.bytes : "");
    buffer_free(&text);
    return false;
}

bool relp_offers_accept(const unsigned char *answer, size_t size, struct problem *problem)
{
    struct text rest = {answer, size};
    struct text version = {answer, 0};
    struct text commands = {answer, 0};

    if (!framing_accepts(FRAMING_RELP, answer, size))
        return wrong(problem, "it refused: ", take_until(&rest, '\n'));
    (void)take_until(&rest, '\n');
    while (rest.size > 0) {
        struct text values = take_until(&rest, '\n');
        struct text name = take_until(&values, '=');
        if (is(name, "relp_version"))
            version = values;
        else if (is(name, "commands"))
            commands = values;
    }
    if (version.size == 0)
        return wrong(problem, "it names no version (relp_version)", version);
    if (!is(version, "0"))
        return wrong(problem, "tcpack speaks RELP version 0, it offers version ", version);
    if (!has_value(commands, "syslog"))
        return wrong(problem, "it takes no syslog messages, its commands are: ", commands);
    return true;
}
