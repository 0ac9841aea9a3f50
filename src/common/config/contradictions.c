#include "common/config/contradictions.h"

#include "common/buffer.h"
#include "common/escape.h"
#include "common/framing/framing.h"
#include "common/reply.h"

#include <stdlib.h>
#include <string.h>

enum {
    SHOWN_BYTES = 64,                 /* of a value, in an error about it */
    DATABASE_MESSAGE_MAX = 268435456, /* bytes: a value in PostgreSQL has less than 1 GiB */
};

/*
 * The setting of this section to blame for `count` keys that contradict each other, and its *key.
 * An override comes before a line of the file, and the first of `keys` comes first. Not set: the
 * section inherits all of them.
 */
static struct config_where find_culprit(struct config_loader *loader, struct config_place place,
                                        const char *const *keys, size_t count, const char **key)
{
    const struct config_seen *seen = config_loader_seen(loader, place);
    struct config_where culprit = {0};

    for (size_t i = 0; i < count; i++) {
        const struct config_option *option = config_option_find(CONFIG_SERVER, keys[i]);
        struct config_where where = seen->keys[option - config_options];
        if (config_where_is_set(where) && (!config_where_is_set(culprit) ||
                                           (culprit.override == NULL && where.override != NULL))) {
            culprit = where;
            *key = keys[i];
        }
    }
    return culprit;
}

static const struct config_listener *section_of(const struct config_loader *loader,
                                                struct config_place place)
{
    return place.listener == CONFIG_NO_LISTENER ? &loader->config->server
                                                : &loader->config->listeners[place.listener];
}

/* Reports a reply that the framing of the section cannot carry. */
static void wrong_reply(struct config_loader *loader, struct config_place place)
{
    static const char *const keys[] = {"reply", "framing", "acknowledge"};
    const struct config_listener *section = section_of(loader, place);
    const char *framing = framing_names[section->framing];
    const char *key = NULL;
    struct config_where culprit =
        find_culprit(loader, place, keys, sizeof keys / sizeof keys[0], &key);

    if (!config_where_is_set(culprit))
        return;
    if (*section->reply == '\0')
        config_loader_wrong_at(
            loader, culprit, "%s: the reply is empty: with framing = %s a client would not see it",
            key, framing);
    else
        config_loader_wrong_at(
            loader, culprit,
            "%s: the reply \"%.*s\" contains a %s: with framing = %s a client would take it "
            "for more than one",
            key, SHOWN_BYTES, section->reply, section->framing == FRAMING_NUL ? "NUL" : "newline",
            framing);
}

/* The framing must be able to carry the reply: a client would take the rest for a second one. */
static void check_reply(struct config_loader *loader, struct config_place place)
{
    const struct config_listener *section = section_of(loader, place);
    struct problem problem;

    struct reply *reply = reply_compile(section->reply, &problem);
    if (reply == NULL) {
        config_loader_wrong_file(loader, &problem); /* out of memory: the reply itself is valid */
        return;
    }
    bool fits = reply_fits(reply, (enum framing)section->framing);
    reply_free(reply);
    if (!fits)
        wrong_reply(loader, place);
}

/* A health check that the framing cannot carry would never come. */
static void check_health_check(struct config_loader *loader, struct config_place place)
{
    static const char *const keys[] = {"health_check", "framing"};
    const struct config_listener *section = section_of(loader, place);
    const char *key = NULL;
    struct config_where culprit =
        find_culprit(loader, place, keys, sizeof keys / sizeof keys[0], &key);
    struct buffer check = {0};
    struct problem problem;

    if (!escape_decode(section->health_check, strlen(section->health_check), &check, &problem))
        config_loader_wrong_file(loader, &problem);
    else if (!framing_can_carry((enum framing)section->framing, check.bytes, check.size) &&
             config_where_is_set(culprit))
        config_loader_wrong_at(loader, culprit,
                               "%s: framing = %s cannot carry the health_check \"%.*s\"", key,
                               framing_names[section->framing], SHOWN_BYTES, section->health_check);
    buffer_free(&check);
}

/* A framing may have responses that its clients wait for. */
static void check_acknowledge(struct config_loader *loader, struct config_place place)
{
    static const char *const keys[] = {"acknowledge", "framing"};
    const struct config_listener *section = section_of(loader, place);
    const char *key = NULL;
    struct config_where culprit =
        find_culprit(loader, place, keys, sizeof keys / sizeof keys[0], &key);

    if (config_where_is_set(culprit))
        config_loader_wrong_at(
            loader, culprit,
            "%s: framing = %s needs acknowledge = yes: its clients wait for a response to "
            "each message",
            key, framing_names[section->framing]);
}

static void check_answers(struct config_loader *loader, struct config_place place)
{
    const struct config_listener *section = section_of(loader, place);

    if (*section->health_check != '\0')
        check_health_check(loader, place);
    if (section->acknowledge)
        check_reply(loader, place);
    else if (framing_reply((enum framing)section->framing) != NULL)
        check_acknowledge(loader, place);
}

/* There is one journal, and it must have room for the longest message. */
static void check_journal(struct config_loader *loader)
{
    const struct config *config = loader->config;
    bool has_file = config->journal.file_given && strcmp(config->journal.file, "-") != 0;
    const struct config_option *option = config_option_find(CONFIG_JOURNAL, "postgresql");
    struct config_where where = loader->seen[CONFIG_JOURNAL].keys[option - config_options];
    char title[CONFIG_TITLE_SIZE];

    if (*config->journal.postgresql == '\0')
        return;
    if (has_file)
        config_loader_wrong_at(loader, where,
                               "postgresql and file exclude each other: there is one journal");
    for (size_t i = 0; i <= config->listeners_count; i++) {
        const struct config_listener *section =
            i == 0 ? &config->server : &config->listeners[i - 1];
        if (section->max_message > DATABASE_MESSAGE_MAX)
            config_loader_wrong_at(
                loader, where, "postgresql: max_message can be up to %d there; in %s it is more",
                (int)DATABASE_MESSAGE_MAX, config_listener_title(section, title));
    }
}

/* In the order of the file's lines. */
void config_contradictions_check(struct config_loader *loader)
{
    struct config_place server = {CONFIG_SERVER, CONFIG_NO_LISTENER};
    bool checked = false;

    for (size_t i = 0; i < loader->config->listeners_count; i++) {
        if (!checked &&
            loader->listeners_seen[i].section > config_loader_seen(loader, server)->section) {
            check_answers(loader, server);
            checked = true;
        }
        check_answers(loader, (struct config_place){CONFIG_SERVER, (ptrdiff_t)i});
    }
    if (!checked)
        check_answers(loader, server);
    check_journal(loader);
}
