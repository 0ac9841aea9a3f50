/* json.h: bytes as JSON (RFC 8259). Pure. */
#ifndef TCPACK_COMMON_JSON_H
#define TCPACK_COMMON_JSON_H

#include "common/buffer.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Appends `"KEY":"..."` or, if the bytes are not valid UTF-8, `"KEY_base64":"..."`. Control
 * characters (C0, DEL, C1) are escaped. False with errno ENOMEM; `out` may then hold part of it.
 */
bool json_append_member(const char *key, const void *bytes, size_t size,
                        struct buffer *out) MUST_USE;

/*
 * Appends the bytes that json_append_member() wrote between the quotes: of a string, or of base64.
 * Other escapes of JSON than those that it writes are not read. False: errno is EILSEQ if the text
 * is none of that, else ENOMEM; `out` may then hold a part of it.
 */
bool json_undo_string(const void *text, size_t size, struct buffer *out) MUST_USE;
bool json_undo_base64(const void *text, size_t size, struct buffer *out) MUST_USE;

#endif
