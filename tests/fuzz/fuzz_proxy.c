/*
 * Why: the PROXY header is the first thing that a stranger's bytes meet. For any bytes: no access
 * outside of them, nothing consumed that was not received, every part of a header unfinished, and
 * the same result whatever follows the header.
 */
#include "server/connection/proxy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct proxy_header header, again;
    enum proxy_result result = proxy_parse(bytes, size, &header);

    require(header.consumed <= size && header.consumed <= PROXY_HEADER_MAX);
    if (result == PROXY_UNFINISHED) {
        require(size < PROXY_HEADER_MAX);
    } else if (result == PROXY_MALFORMED) {
        require(header.problem.text[0] != '\0');
    } else {
        for (size_t part = 0; part < header.consumed; part++)
            require(proxy_parse(bytes, part, &again) == PROXY_UNFINISHED);
        require(proxy_parse(bytes, header.consumed, &again) == result);
        require(again.peer.size == header.peer.size);
        require(memcmp(&again.peer.storage, &header.peer.storage, header.peer.size) == 0);
    }
    return 0;
}
