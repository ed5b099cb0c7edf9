/*
 * redact/blot.h: finds values in a text without having them.
 *
 * A value that has passed is remembered by hashes, under a key that this process
 * drew (sip.h), of the whole of it and of its beginning.  Who has all of this
 * memory can try guesses, and read nothing; it need not be wiped.
 *
 * Plain C.  It allocates nothing and raises nothing: it is called while an error
 * is being reported.
 *
 * Found is a value as it is and as programs print it, whatever the case of its
 * ASCII letters: with quotes doubled, with backslashes (as PostgreSQL, C and JSON
 * write them; \uXXXX as UTF-8), with both, with its quotes and backslashes quoted
 * again and again, percent-encoded; and one of BLOT_SHORTEST_BLIND bytes or more
 * in hex, in base64 of either alphabet, and as decimal numbers of bytes.
 *
 * Texts are cut.  Of a value longer than BLOT_BEGINNING so many bytes are enough:
 * all that follows is covered, to the end of the text; but where a value of up to
 * BLOT_LONG stands there whole, that alone.  What is cut to less, by the end of the
 * text or by "...", is covered to there if BLOT_START bytes or more of it are left.
 *
 * The server tells with which word of its input something is wrong.  Of a value of
 * up to BLOT_LONG, but of addresses and objects, the first BLOT_MOST_WORDS words of
 * BLOT_SHORTEST_WORD bytes or more count as values.  Other pieces stay: fewer bytes
 * of a beginning, shorter words, what is in the midst of a value.
 */
#ifndef SECRETS_REDACT_BLOT_H
#define SECRETS_REDACT_BLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOT_SHORTEST		4	/* what is shorter stands anywhere by chance */
#define BLOT_SHORTEST_BLIND	8	/* in what is decoded at random, so does what is shorter than this */
#define BLOT_SHORTEST_WORD	6
#define BLOT_MOST_WORDS		4
#define BLOT_START			16
#define BLOT_BEGINNING		32
#define BLOT_LONG			64
#define BLOT_MOST			1024	/* values that are remembered: the newest, and others */

#define BLOT_KEY_LEN		16

typedef struct Blotter Blotter;

/* Of a Blotter: the caller has the memory, aligned for a uint64_t and zeroed. */
#define BLOT_SIZE			(352 * 1024)

/* The key is random.  Another one forgets what was remembered. */
extern void blot_init(Blotter *blotter, const uint8_t key[BLOT_KEY_LEN]);
extern void blot_remember(Blotter *blotter, const char *value, size_t len);

/* Another age begins: what was remembered before the last one is forgotten.  Costs what that was. */
extern void blot_age(Blotter *blotter);
extern bool blot_is_empty(const Blotter *blotter);

/* More have come in this age than can be remembered: the first of them are forgotten. */
extern bool blot_has_lost(const Blotter *blotter);

/*
 * Covers each value with asterisks, in place: as many bytes as before, whether or
 * not they are whole characters.  True: there was one.  Work grows with the length
 * of the text; one that would take more than a second is covered as a whole.
 */
extern bool blot_text(const Blotter *blotter, char *text, size_t len);

#endif
