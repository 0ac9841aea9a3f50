#include "common/framing/framing.h"

#include "common/framing/auto.h"
#include "common/framing/delimited.h"
#include "common/framing/octet.h"
#include "common/framing/relp.h"
#include "common/framing/syslog.h"

#include <string.h>

const char *const framing_names[] = {"auto", "line", "nul", "octet", "syslog", "relp", NULL};

static const struct framing_protocol *const protocols[] = {
    [FRAMING_AUTO] = &framing_auto,     [FRAMING_LINE] = &framing_line,
    [FRAMING_NUL] = &framing_nul,       [FRAMING_OCTET] = &framing_octet,
    [FRAMING_SYSLOG] = &framing_syslog, [FRAMING_RELP] = &framing_relp,
};

enum framing_result framing_next(enum framing framing, struct framing_state *state,
                                 const unsigned char *bytes, size_t size, bool ended,
                                 size_t max_message, struct frame *frame)
{
    return protocols[framing]->next(state, bytes, size, ended, max_message, frame);
}

bool framing_wrap(enum framing framing, uint64_t ending, const void *text, size_t size,
                  struct buffer *out)
{
    return protocols[framing]->wrap(ending, text, size, out);
}

bool framing_wrap_message(enum framing framing, uint64_t number, const void *text, size_t size,
                          struct buffer *out)
{
    const struct framing_protocol *protocol = protocols[framing];

    return protocol->wrap_message != NULL ? protocol->wrap_message(number, text, size, out)
                                          : protocol->wrap(protocol->own_ending, text, size, out);
}

bool framing_unwrap_message(enum framing framing, const unsigned char *bytes, size_t size,
                            struct frame *frame)
{
    const struct framing_protocol *protocol = protocols[framing];
    struct framing_state state = {0};

    if (protocol->unwrap_message != NULL)
        return protocol->unwrap_message(bytes, size, frame);
    return protocol->next(&state, bytes, size, true, size, frame) == FRAMING_MESSAGE;
}

void framing_renumber(enum framing framing, uint64_t number, unsigned char *message)
{
    if (protocols[framing]->renumber != NULL)
        protocols[framing]->renumber(number, message);
}

uint64_t framing_transaction(enum framing framing, uint64_t number)
{
    return protocols[framing]->transaction != NULL ? protocols[framing]->transaction(number) : 0;
}

enum framing_result framing_next_reply(enum framing framing, struct framing_state *state,
                                       const unsigned char *bytes, size_t size, size_t max_reply,
                                       struct frame *frame)
{
    const struct framing_protocol *protocol = protocols[framing];

    return protocol->next_reply != NULL
               ? protocol->next_reply(state, bytes, size, max_reply, frame)
               : protocol->next(state, bytes, size, false, max_reply, frame);
}

bool framing_accepts(enum framing framing, const unsigned char *reply, size_t size)
{
    return protocols[framing]->accepts == NULL || protocols[framing]->accepts(reply, size);
}

const char *framing_reply(enum framing framing)
{
    return protocols[framing]->reply;
}

const char *framing_farewell(enum framing framing, struct framing_state *state)
{
    return protocols[framing]->farewell != NULL ? protocols[framing]->farewell(state) : NULL;
}

static bool has_none_of(int byte, const void *text, size_t size)
{
    return byte < 0 || size == 0 || memchr(text, byte, size) == NULL;
}

bool framing_can_carry(enum framing framing, const void *text, size_t size)
{
    return has_none_of(protocols[framing]->forbidden, text, size) &&
           (size > 0 || !protocols[framing]->never_empty);
}

bool framing_can_reply(enum framing framing, const void *text, size_t size)
{
    return has_none_of(protocols[framing]->forbidden_reply, text, size);
}

bool framing_begins_relp(const unsigned char *bytes, size_t size)
{
    static const char open[] = "1 open ";

    return size >= sizeof open - 1 && memcmp(bytes, open, sizeof open - 1) == 0;
}
