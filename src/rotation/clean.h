/*
 * rotation/clean.h: takes values out of a text that somebody else's code wrote.
 *
 * Plain C: the text is anybody's, so it can be tried without a server.  It
 * allocates nothing, raises nothing, and never makes a text longer: it is also
 * called while an error is being reported.
 *
 * A value is looked for as it is, and as programs print it: with backslashes,
 * with quotes doubled, percent-encoded, in hex, in base64 of either alphabet, and
 * byte by byte in decimal.
 */
#ifndef SECRETS_ROTATION_CLEAN_H
#define SECRETS_ROTATION_CLEAN_H

#include <stdbool.h>
#include <stddef.h>

#define CLEAN_MOST_TEXT 4096	/* bytes of a text; the caller cuts off what is more */
#define CLEAN_RUN		6		/* so many bytes in a row give a value away */
#define CLEAN_SHORTEST	4		/* what is shorter may stand anywhere by chance: it is not looked for in hex and so on */

typedef struct CleanValue
{
	const char *data;
	size_t		len;
	bool		only_whole;		/* parts of it give nothing away: they are values themselves, or no secret */
} CleanValue;

/*
 * Each occurrence becomes ***, in place.  False: something that gives a value
 * away is left, or the text is too long; then nothing of it may be shown.
 */
extern bool clean_text(char *text, const CleanValue *values, int n);

/*
 * The strings and numbers in an object that is valid JSON: a password is one of
 * them, whatever it is called there.  Left out is what says where and as whom one
 * logs in.  Unescaped into room, which has json_len bytes; returns how many, -1
 * where there are more than most.
 */
extern int clean_members(const char *json, size_t json_len, char *room, CleanValue *values, int most);

#endif
