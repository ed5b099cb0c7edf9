/*
 * base/options.h: "options jsonb", read strictly.
 */
#ifndef SECRETS_BASE_OPTIONS_H
#define SECRETS_BASE_OPTIONS_H

#include "utils/jsonb.h"

typedef enum OptionType
{
	OPTION_TEXT,				/* char * */
	OPTION_INT,					/* int */
	OPTION_BOOL,				/* int, 0 or 1: so that -1 can stand for what is not given */
	OPTION_TEXTS				/* List of char *, from an array of strings */
} OptionType;

typedef struct Option
{
	const char *key;
	OptionType	type;
	void	   *target;			/* left as it is where the key is missing */
} Option;

/* 22023 for what is no object, an unknown key, or a value of another type; quotes nothing. */
extern void options_read(Jsonb *options, const Option *known, int nknown);

#endif
