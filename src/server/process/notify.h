/*
 * notify.h: tells the service manager how the server is doing: the protocol of sd_notify(3), a
 * datagram of VARIABLE=value lines to the socket in $NOTIFY_SOCKET. Without that variable every
 * function here does nothing and succeeds.
 */
#ifndef TCPACK_SERVER_PROCESS_NOTIFY_H
#define TCPACK_SERVER_PROCESS_NOTIFY_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Each returns false, with errno, where the service manager could not be told. `status` is one line
 * for people, shown by systemctl status.
 */
bool notify_ready(const char *status) MUST_USE; /* the start, or a reload, is complete */
bool notify_reloading(void) MUST_USE;           /* until notify_ready() */
bool notify_stopping(void) MUST_USE;
bool notify_alive(const char *status) MUST_USE; /* the watchdog's sign of life */

/*
 * How often the service manager expects a sign of life from this process, microseconds; 0 where it
 * expects none. To be safe, give one after half of that.
 */
int64_t notify_watchdog_us(void);

#endif
