/*
 * redact/cover.h: a text that is being covered in place.  Plain C.
 */
#ifndef SECRETS_REDACT_COVER_H
#define SECRETS_REDACT_COVER_H

#include "redact/mask.h"
#include "redact/token.h"

#define NO_PLACE ((size_t) -1)

typedef struct Cover
{
	char	   *text;
	size_t		len;
	const MaskWords *words;
	bool		is_look;		/* nothing is written */
	bool		has_words;		/* a word may be a value that was not quoted */
	bool		is_changed;
	bool		is_cut;			/* ends within quotes */
	size_t		first;			/* where the first value is, */
	size_t		doubt;			/* and where it was seen that the text cannot be what it looks like: */
	bool		is_doubt_in_quotes;	/* in what has a delimiter before it, or in code */
} Cover;

extern void cover_byte(Cover *cover, size_t at, char byte);
extern void cover_range(Cover *cover, size_t from, size_t to);

/* A value begins there. */
extern void cover_note_value(Cover *cover, size_t at);

/*
 * Is this, after that token, no SQL that anybody writes, as where a quote within a
 * value ends it?  Then it is noted.
 */
extern bool cover_doubts(Cover *cover, const Token *before, const Token *token);

/* May that word stand before a literal without a blank?  Types and the like, and never a value. */
extern bool cover_is_prefix(const Cover *cover, const Token *name);

/*
 * What is in doubt is covered from the first value on, to the end.  What stands
 * between those places is going to be uncovered again.
 */
extern void cover_doubtful(Cover *cover, size_t keep_from, size_t keep_to);

#endif
