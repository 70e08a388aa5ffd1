/*
 * JSON text, outwards (RFC 8259). For the small program, which must not carry a JSON library; what
 * is read from outside goes through one.
 */
#ifndef BJ_WIRE_JSON_H
#define BJ_WIRE_JSON_H

#include <stddef.h>

#include "base/buf.h"

/*
 * Appends a string with its quotes. Bytes that are not UTF-8 become U+FFFD; whatever could act on a
 * terminal is escaped (base/escape.h), so that the text can be shown there as it is.
 */
void bj_json_put_string(struct bj_buf *out, const char *text, size_t length);

/*
 * Appends a number that has a fraction or might have, in the fewest digits that read back as the
 * same, and with a point or an exponent, so that it stays what it is to those who tell numbers
 * apart.
 */
void bj_json_put_real(struct bj_buf *out, double number);

/*
 * Appends JSON text that stood elsewhere, on one line: as it is if a function of this file wrote
 * it, and unable to act on a terminal whoever did.
 */
void bj_json_put_clean(struct bj_buf *out, const char *json, size_t length);

/* Appends a comma where one belongs, and "name": behind it. */
void bj_json_put_name(struct bj_buf *out, const char *name);

#endif
