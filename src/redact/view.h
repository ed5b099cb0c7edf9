/*
 * redact/view.h: a text as it reads when one kind of encoding is undone.
 *
 * Plain C.  Texts are of any length, and nothing is allocated: some bytes at a
 * time are in the view, each with the place in the text that it came from, and
 * enough of what comes next to look ahead.  Capital letters of ASCII are small
 * there, since names are folded on their way into messages.
 */
#ifndef SECRETS_REDACT_VIEW_H
#define SECRETS_REDACT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIEW_AHEAD	72
#define VIEW_ROOM	512

typedef enum ViewWay
{
	VIEW_ESCAPES,				/* as it is, and by escapes (below) */
	VIEW_BARE,					/* without quotes and backslashes */
	VIEW_PERCENT,
	VIEW_HEX,
	VIEW_BASE64,
	VIEW_NUMBERS,				/* of bytes, in decimal, one after the other */
} ViewWay;

/* What is undone of these; together where they are set together. */
#define VIEW_BACKSLASHES		1
#define VIEW_DOUBLED_SINGLES	2
#define VIEW_DOUBLED_DOUBLES	4
#define VIEW_ALL_ESCAPES		7

typedef struct View
{
	ViewWay		way;
	int			escapes;
	const char *text;
	size_t		at;				/* so far it was read */
	size_t		end;
	uint32_t	bits;			/* of what is read: not enough for a byte yet */
	int			nbits;
	size_t		bits_from;
	size_t		n;
	uint8_t		bytes[VIEW_ROOM];
	size_t		from[VIEW_ROOM];
	size_t		upto[VIEW_ROOM];
} View;

static inline uint8_t
view_fold(uint8_t c)
{
	return (uint8_t) (c | ((uint8_t) (c - 'A') < 26) << 5);
}

static inline bool
view_is_quote(char c)
{
	return c == '\'' || c == '"' || c == '\\';
}

/* Of the text the bytes from there to the end, which is not one of them. */
extern void view_begin(View *view, ViewWay way, int escapes, const char *text, size_t from, size_t end);

/*
 * Drops so many of the first bytes of the view, and fills it up.  Then all is in it
 * to the text's end, or so much that VIEW_AHEAD bytes can be left for the next time.
 */
extern void view_read(View *view, size_t used);

static inline bool
view_has_ended(const View *view)
{
	return view->at == view->end;
}

/* Those kinds of escapes that stand in the text: others change nothing. */
extern int	view_find_escapes(const char *text, size_t len);

/*
 * The next run of hex digits, of digits of base64 (broken into lines, it may be)
 * or of numbers, from *end on, that is long enough for eight bytes.
 */
extern bool view_find_run(ViewWay way, const char *text, size_t len, size_t *from, size_t *end);

#endif
