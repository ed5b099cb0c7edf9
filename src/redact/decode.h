/*
 * redact/decode.h: reads one piece of a text that a program has encoded.  Plain C.
 *
 * A piece is never longer than the len bytes there are.
 */
#ifndef SECRETS_REDACT_DECODE_H
#define SECRETS_REDACT_DECODE_H

#include <stddef.h>
#include <stdint.h>

/* What the digit stands for; -1: it is none.  base64 is of either alphabet. */
extern int decode_hex_digit(char c);
extern int decode_base64_digit(char c);

/* So many digits of that base from there on, at the most; how many there are. */
extern size_t decode_digits(const char *text, size_t len, int base, size_t most, uint32_t *number);

/* How much of the text is a number of a byte, -128 to 255 in decimal, in that base; 0: none. */
extern size_t decode_byte(const char *text, size_t len, int base, uint32_t *number);

/*
 * What begins with a backslash, as JSON, C, Python and PostgreSQL write it: its
 * bytes (UTF-8), how many they are, and how much of the text it was.
 */
extern size_t decode_escape(const char *text, size_t len, char out[4], size_t *nout);

#endif
