/* auto.h: lines once the peer has sent a newline; until then, what one recv() returned. */
#ifndef TCPACK_COMMON_FRAMING_AUTO_H
#define TCPACK_COMMON_FRAMING_AUTO_H

#include "common/framing/protocol.h"

extern const struct framing_protocol framing_auto;

#endif
