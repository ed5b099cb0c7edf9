/*
 * redact/words.h: what a statement must name to be masked, and whether it does.
 */
#ifndef SECRETS_REDACT_WORDS_H
#define SECRETS_REDACT_WORDS_H

#include "redact/mask.h"

/* The settings. */
extern void words_init(void);

/* secrets.redact_logs */
extern bool words_count(void);

/* Whether it names one of ours, whatever the settings say. */
extern bool words_are_in(const char *text, Size len);

/*
 * All of these may be called while an error is reported, and in the postmaster.
 * Where nothing is to be masked at all, everything is harmless.
 */
extern MaskJudgement words_judge(const char *text, Size len);
extern bool words_mask(char *text, Size len, MaskJudgement judgement);
extern MaskParams words_find_params(const char *text, Size len);

/* The argument of a function, and the column of a view, that takes the value: 0 and NULL where it takes none. */
extern int	words_value_argument(const char *function);
extern const char *words_value_column(const char *relation);

#endif
