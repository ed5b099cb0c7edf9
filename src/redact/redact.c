/*
 * redact/redact.c
 */
#include "postgres.h"

#include "redact/hooks.h"
#include "redact/line.h"
#include "redact/literals.h"
#include "redact/redact.h"
#include "redact/values.h"
#include "redact/words.h"

void
redact_init(void)
{
	values_init();
	words_init();
	literals_init();
	line_init();
	hooks_init();
}
