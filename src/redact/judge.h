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
	bool		is_quoted;		/* can be written in quotes only */
	size_t		into;			/* INTO, or another word that says as much */
	size_t		schema;
	size_t		dot;
	size_t		name;			/* as it is written, without quotes */
	size_t		name_end;
	size_t		end;			/* with its quotes, and UESCAPE */
	size_t		parenthesis;
	bool		has_password;	/* the word stands somewhere before it */
} Finding;

/* The first in the text, whatever stands around it.  False: none. */
extern bool judge_find(const char *text, size_t len, const MaskWords *words, Finding *finding);

#endif
