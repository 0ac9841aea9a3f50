/* auto.h: lines once the peer has sent a newline; until then, the bytes of one recv() are a
 * message. */
#ifndef TCPACK_COMMON_FRAMING_AUTO_H
#define TCPACK_COMMON_FRAMING_AUTO_H

#include "common/framing/protocol.h"

extern const struct framing_protocol framing_auto;

#endif
