/*
 * redact/judge.h: where a text names one of the words.  Plain C.
 */
#ifndef SECRETS_REDACT_JUDGE_H
#define SECRETS_REDACT_JUDGE_H

#include "redact/mask.h"

#define NOWHERE ((size_t) -1)

/* Where its parts are; what it does not have is NOWHERE. */
typedef struct Finding
{
	const MaskWord *word;		/* NULL: one could not tell, and says yes */
	bool		is_quoted;		/* name is where its quote is */
	bool		is_unicode;		/* U&"...": name is behind its quote, unless is_quoted */
	size_t		into;			/* INTO, or another word that says as much */
	size_t		schema;
	size_t		dot;
	size_t		name;
	size_t		end;			/* of the name as it is written */
	size_t		parenthesis;
	bool		has_password;	/* the word stands somewhere before it */
} Finding;

/* The first in the text, whatever stands around it.  False: none. */
extern bool judge_find(const char *text, size_t len, const MaskWords *words, Finding *finding);

#endif
