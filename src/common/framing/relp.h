/*
 * relp.h: RELP version 0, the Reliable Event Logging Protocol, as librelp speaks it. The peer is a
 * client: it opens a session, sends `syslog` commands, each with a transaction number, and gets a
 * `rsp` with that number for each. The specification is librelp's doc/relp.html.
 */
#ifndef TCPACK_COMMON_FRAMING_RELP_H
#define TCPACK_COMMON_FRAMING_RELP_H

#include "common/framing/protocol.h"

extern const struct framing_protocol framing_relp;

#endif
