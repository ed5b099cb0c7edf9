/*
 * redact/statement.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/prepare.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"

#include "redact/statement.h"
#include "redact/values.h"
#include "redact/words.h"

/* What is longer is not copied for the log. */
#define LONGEST_SHOWN	(1024 * 1024)
#define TOO_LONG		"/* a statement that takes secrets, too long to be masked here */"

/* A text longer than this is judged once, and not for each statement in it. */
#define LONG_TEXT		(64 * 1024)

/*
 * The copy is not in a memory context: nothing that the server allocates for the
 * next statement can come to lie where this one was, and be taken for it.
 */
static char *copy = NULL;
static Size copy_size = 0;

/* What we know of the statement whose text lies there, since this time. */
static struct
{
	const char *text;
	TimestampTz since;
	Size		len;
	MaskJudgement judgement;
}			known;

static bool
is_shown(void)
{
	return debug_query_string && (debug_query_string == copy || debug_query_string == (const char *) TOO_LONG);
}

static bool
is_known(const char *text)
{
	return text == known.text && known.since == GetCurrentStatementStartTimestamp();
}

bool
statement_is(const char *text)
{
	return debug_query_string && (text == debug_query_string || (is_shown() && is_known(text)));
}

/* ---- what it brings ---- */

/* EXECUTE p('...') names nothing that says what p does; nor can be told what does not exist. */
static bool
executes_secretly(const char *text, Size len)
{
	char		name[NAMEDATALEN];
	size_t		after = 0;

	while (after < len)
	{
		PreparedStatement *prepared;

		if (!mask_find_execute(text, len, &after, name))
			continue;
		prepared = FetchPreparedStatement(name, false);
		if (prepared == NULL
			|| words_judge(prepared->plansource->query_string, strlen(prepared->plansource->query_string)) == MASK_ALL)
			return true;
	}
	return false;
}

static MaskJudgement
judge(const char *text)
{
	Size		len;

	if (!words_count())
		return MASK_NOTHING;
	if (is_known(text) && known.len > LONG_TEXT)
		return known.judgement;
	len = strlen(text);
	known.text = text;
	known.since = GetCurrentStatementStartTimestamp();
	known.len = len;
	known.judgement = words_judge(text, len);
	if (known.judgement != MASK_ALL && strcasestr(text, "execute") && executes_secretly(text, len))
		known.judgement = MASK_ALL;
	return known.judgement;
}

/* ---- hiding it ---- */

static bool
has_room(Size size)
{
	if (size <= copy_size)
		return true;
	free(copy);
	copy_size = 0;
	copy = malloc(size);
	if (copy)
		copy_size = size;
	return copy != NULL;
}

static void
show(const char *text, MaskJudgement judgement)
{
	Size		len = strlen(text);

	if (len > LONGEST_SHOWN || !has_room(len + 1))
	{
		debug_query_string = TOO_LONG;
		return;
	}
	memcpy(copy, text, len + 1);
	(void) words_mask(copy, len, judgement);
	debug_query_string = copy;
}

MaskJudgement
statement_hide(void)
{
	const char *text = debug_query_string;

	if (text == NULL)
		return MASK_NOTHING;
	if (!is_shown())
	{
		if (judge(text) == MASK_NOTHING)
			return MASK_NOTHING;
		show(text, known.judgement);
	}
	return known.judgement;
}

void
statement_hide_all(void)
{
	const char *text = debug_query_string;

	if (text == NULL || known.judgement == MASK_ALL)
		return;
	known.judgement = MASK_ALL;
	if (is_shown())
		(void) words_mask(copy, strlen(copy), MASK_ALL);
	else
		show(text, MASK_ALL);
}

bool
statement_cover_values(void)
{
	if (debug_query_string == NULL || !values_any())
		return true;
	if (!is_shown())
	{
		if (strlen(debug_query_string) > LONGEST_SHOWN)
			return false;
		show(debug_query_string, MASK_NOTHING);
	}
	if (debug_query_string == copy)
		values_cover(copy);
	return true;
}

MaskParams
statement_params(void)
{
	const char *text = debug_query_string ? debug_query_string : "";

	return words_find_params(text, strlen(text));
}

Size
statement_length(void)
{
	if (debug_query_string == NULL)
		return 0;
	return is_shown() ? known.len : strlen(debug_query_string);
}

/* ---- what other sessions see ---- */

void
statement_report(void)
{
	if (MyBEEntry && MyBEEntry->st_state == STATE_RUNNING)
		pgstat_report_activity(STATE_RUNNING, debug_query_string);
}

void
statement_report_failed(void)
{
	char		text[16 * 1024];
	Size		len;

	if (MyBEEntry == NULL || MyBEEntry->st_state != STATE_RUNNING)
		return;
	strlcpy(text, MyBEEntry->st_activity_raw, Min(sizeof(text), (Size) pgstat_track_activity_query_size));
	len = strlen(text);
	if (words_mask(text, len, words_judge(text, len)))
		pgstat_report_activity(STATE_RUNNING, text);
	explicit_bzero(text, sizeof(text));
}
